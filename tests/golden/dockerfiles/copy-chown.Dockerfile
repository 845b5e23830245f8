FROM box
RUN echo 'u:x:1234:2345::/:' >> /etc/passwd && echo 'g:x:3456:' >> /etc/group
COPY --chown=u:g d /n
COPY --chown=7 a.txt /seven/
COPY --chown=5:6 c.md /f
