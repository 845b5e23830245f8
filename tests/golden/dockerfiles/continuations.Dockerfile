# comment first

   # indented comment
  FROM box
RUN echo a \
# comment within
   && echo b \

  # indented comment within

   && echo c > /out
RUN echo trailing \  
  blanks > /two
ENV A=1 \
	# tabbed comment
    B=2
LABEL x="one \
two"
RUN	echo tab	>	/three
CMD last \
