FROM box AS base
CMD a
FROM base
ENTRYPOINT ["e"]
