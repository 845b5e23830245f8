FROM box
ENV X x
ENV KEY value with   spaces and "quotes" and \escapes $X ${N:-d} 'single $X'
ENV OTHER =equals=in it
ENV TAB	after a tab
LABEL old form of label
RUN env | grep -E "^(KEY|OTHER|TAB)=" > /out
