FROM box
RUN ["sh", "-c", "echo \"q\" \u0041 '$HOME' > /out"]
RUN [ -d / ] && echo shell > /two
RUN [ "/bin/sh" , "-c" , "echo  spaced > /three" ]
ENV X=x
CMD [ "a" , "$X", "" ]
ENTRYPOINT ['single', 'quotes']
VOLUME [ "/a", "/b c" ]
COPY [ "a.txt","/with blank/" ]
