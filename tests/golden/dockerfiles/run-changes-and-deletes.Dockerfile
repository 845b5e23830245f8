FROM box
RUN mkdir -p /d/e && echo 1 > /d/f && echo 2 > /d/e/g && ln -s f /d/l && ln /d/f /d/h
RUN rm -r /d/e && echo 3 > /d/f && chmod 700 /d && chown 5:6 /d/l
RUN rm -r /d && mkdir /d && echo new > /d/n
