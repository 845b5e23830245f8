FROM box
ARG P=/usr/lib/x.tar.gz
ENV A=${P##*/} B=${P%%.*} C=${P/lib/LIB} D=${P//\//-} E=${N-d} F=${P:+y}
