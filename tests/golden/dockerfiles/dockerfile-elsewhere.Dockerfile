FROM box
CMD wrong
