FROM box
ENV N=name
COPY <<one <<"two" /d/
hello $N "q"
one
hello $N
two
COPY <<-x /e
	tab
	x
