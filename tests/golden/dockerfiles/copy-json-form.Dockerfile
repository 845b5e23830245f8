FROM box
COPY ["a b", "/c d/"]
