FROM box
RUN mkdir /real && ln -s real /linked && touch /old && ln -s /old /new
COPY a.txt /linked/
COPY d /linked
COPY b.txt /new
