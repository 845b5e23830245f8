FROM box
LABEL "schlüssel"="значение 😀"
ENV GRUSS=grüßé
COPY ["dätei 文.txt", "/über/文"]
RUN echo "$GRUSS ✓" > /über/out && ls /über
