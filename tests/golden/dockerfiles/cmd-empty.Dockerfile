FROM box
CMD x
CMD []
