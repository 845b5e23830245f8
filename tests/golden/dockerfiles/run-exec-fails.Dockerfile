FROM box
RUN ["sh", "-c", "exit 3"]
