FROM box
COPY --exclude=*.txt --exclude=d/deep . /x/
