FROM box
COPY a.txt b.txt d /t/
