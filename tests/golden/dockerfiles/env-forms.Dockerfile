FROM box
ENV A one two
ENV B=b C="c d" D=e\ f
ENV A=three
