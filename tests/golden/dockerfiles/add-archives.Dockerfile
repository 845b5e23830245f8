FROM box
ADD plain.tar /p
ADD z.tar.gz /g/
ADD z.tar.bz2 /b/
ADD z.tar.xz /x
