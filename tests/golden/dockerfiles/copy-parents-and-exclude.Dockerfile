FROM box
COPY --parents d/./deep/three d/one /p/
COPY --exclude=*.md --exclude=d/deep . /q/
COPY --parents --exclude=**/one ./d/* /r/
