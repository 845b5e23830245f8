FROM box
VOLUME /a /b
VOLUME ["/c d", "/e"]
