FROM box
RUN --mount=type=secret,id=s,env=TOKEN test "$TOKEN" = "hidden" && test ! -e /run/secrets/s && echo right > /alone
RUN --mount=type=secret,id=s,env=TOKEN,target=/both test "$TOKEN" = "$(cat /both)" && echo right > /with-file
RUN --mount=type=secret,id=nobody,env=NONE test -z "${NONE+set}" && echo right > /absent
RUN ! env | grep hidden
