FROM box AS Build-1.x_y
RUN echo 1 > /x
FROM Build-1.x_y as second
COPY --from=build-1.X_y /x /y
from SECOND
rUn cat /y > /z
