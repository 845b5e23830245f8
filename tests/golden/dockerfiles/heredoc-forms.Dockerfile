FROM box
ENV N=name
RUN <<-EOF
	echo "tabs $N" > /1
	EOF
RUN cat <<A <<'B' > /2 && echo more >> /2
$N one
A
$N two
B
RUN <<EOF
#!/bin/sh -e
echo "$0" | grep -q pipes; echo script > /3
EOF
RUN <<EOF sh > /4
echo piped
EOF
COPY <<"quoted-name" <<plain /d/
$N \$N \\ "q"
quoted-name
$N \$N \\ "q" `x`
# not a comment

plain
COPY --chown=3:4 --chmod=640 <<EOF /e
owned
EOF
ONBUILD RUN <<EOF
echo later
EOF
