FROM box AS other
RUN mkdir -p /a/b/c && chmod 750 /a/b && echo x > /a/b/c/x && ln -s x /a/b/c/y && chown 3:4 /a/b/c/x
FROM box
COPY --parents d/./deep/three d/one /p/
COPY --exclude=*.md --exclude=d/deep . /q/
COPY --parents --exclude=**/one ./d/* /r/
COPY --parents d/./* d/deep /s/
COPY --parents --exclude=d/deep/three --exclude=**/t* d *.txt /t/
COPY --parents --from=other /a/./b/c/x /a/b/c/y /u/
