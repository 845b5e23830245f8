FROM box
COPY . /c/
