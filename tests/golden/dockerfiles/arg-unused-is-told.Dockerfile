FROM box
CMD x
