FROM box
RUN echo x > /taken
COPY d /taken
