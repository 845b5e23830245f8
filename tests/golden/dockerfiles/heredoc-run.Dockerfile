FROM box
RUN <<EOF
echo one > /out
echo $HOME >> /out
EOF
RUN <<-'X' cat >> /out
	q $HOME
	X
RUN cat <<A >> /out && cat <<B >> /out
1
A
2
B
RUN <<EOF
#!/bin/sh -e
echo $0 > /script
EOF
