FROM box
ADD a.tar /x/
ADD b.tar.gz /x/
COPY z.tar /x/
