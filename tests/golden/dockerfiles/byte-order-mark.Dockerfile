FROM box
CMD after the mark
