FROM box
ADD a.txt /new/
ADD a.txt /plain
ADD d /dd
ADD d/ /ee/
COPY d/. /ff
WORKDIR /w/x
COPY a.txt .
COPY a.txt ./sub/
COPY a.txt //double//slash/
COPY ./b.txt ../up
COPY /b.txt /
COPY d /w/x
COPY a.txt /bin
