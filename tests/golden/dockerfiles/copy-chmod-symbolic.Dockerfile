FROM box
ARG MODE=go-rwx
COPY --chmod=u+x,go-w a.txt /plus
COPY --chmod=u=rwX,go=rX d /tree
COPY --chmod=$MODE run.sh /private.sh
ADD --chmod=a=rX d/two /added
COPY --chmod=u=rwx,go= <<END /made
made
END
