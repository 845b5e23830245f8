# escape=`
FROM box
RUN echo a `
 b > /out
ENV P=c:\x Q=`$P
