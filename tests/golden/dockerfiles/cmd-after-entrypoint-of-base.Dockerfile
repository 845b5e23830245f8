FROM box AS a
CMD ["of base"]
FROM a AS b
ENTRYPOINT ["e"]
FROM b AS c
CMD own
FROM c
ENTRYPOINT []
