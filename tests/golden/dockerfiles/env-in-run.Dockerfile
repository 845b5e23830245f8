FROM box
ENV A=a
RUN A=b; echo $A ${A} > /out
ENV A=c
RUN echo $A >> /out
