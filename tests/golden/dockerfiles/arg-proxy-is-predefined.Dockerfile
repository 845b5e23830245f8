FROM box
RUN echo $HTTP_PROXY $no_proxy > /out
