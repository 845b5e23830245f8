FROM box
COPY --parents d/one d/deep/three /x/
COPY --parents ./d/./deep/three /y/
