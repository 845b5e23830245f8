FROM box
COPY ../x /x
