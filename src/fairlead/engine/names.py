"""Names of containers: which are allowed, and readable ones for those that were given none."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable

from fairlead import ids
from fairlead.errors import InvalidParameter

RULE = "[a-zA-Z0-9][a-zA-Z0-9_.-]"
_ALLOWED = re.compile(RULE + r"+\Z")
_TRIES = 6

ADJECTIVES = tuple(
    """
    able agile alert amber ample apt arctic ardent artful awake balmy blithe bold brave breezy bright brisk calm candid
    careful cheery civil classy clear clever cobalt comely copper coral cordial cosy crisp curious dapper daring dawning
    deft devoted earnest easy eager even exact fair famous fearless fleet fluent fond frank free fresh frugal gallant
    generous gentle genial gifted glad golden good grand green handy happy hardy hearty helpful honest hopeful humble
    immune ivory jaunty jolly jovial joyful keen kind lasting level light lively loyal lucid lucky mellow merry mighty
    mindful modest neat nimble noble novel olive open patient placid playful polite prompt proud prudent pure quick
    quiet rapid ready rested robust rosy sage sandy sane serene sharp silver simple sincere smart snug sober solid
    sound spry stable steady stellar sturdy sunny sure swift tender tidy tireless tranquil trim true upbeat valiant
    verdant vivid warm wary willing windy wise witty worthy zesty
""".split()  # noqa: SIM905  # 150 quoted words hide the words
)

# People whose work a container of today stands on, and others who measured, mapped, counted or healed.
SURNAMES = tuple(
    """
    abbe abel adleman aiken airy aitken allen amdahl ampere anning apgar archimedes arrhenius aryabhata atanasoff
    avogadro babbage bachman backus bacon baird bartik barton becquerel bell bellman benz bernoulli berners bessel
    bhaskara blackburn blackwell bohr boole bose brahe braille brooks brown bunsen burnell cannon cantor carnot carson
    cauchy cavendish celsius cerf chandra chatelet church clark clarke codd colmar conway cooper copernicus coulomb
    cray crick curie cuvier daguerre dalton darwin davy dedekind descartes diesel dijkstra diophantus doppler easley
    eckert edison einstein elion engelbart eratosthenes erdos euclid euler faraday fermat fermi fibonacci fleming
    floyd fourier franklin fresnel galilei galois galton galvani gauss germain gibbs goeppert goldberg granville
    gutenberg haber hadamard haldane hall halley hamilton hamming harrison harvey heaviside heisenberg helmholtz hertz
    hilbert hinton hoare hodgkin holberton hollerith hooke hopper hubble humboldt huygens hypatia imhotep jacobi
    jacquard jenner joule kahn kalman kapitsa kay kelvin kepler kernighan khorana kilby kirchhoff knuth koch kolmogorov
    kovalevskaya lagrange lamarr lamport laplace lavoisier leavitt leeuwenhoek leibniz liskov lister lorentz lovelace
    lumiere lyell mach marconi markov mauchly maxwell mayer mccarthy mclean mclintock meitner mendel mercator mersenne
    metcalfe minsky mitchell moebius morse napier nash naur neumann newell newton nobel noether noyce oersted ohm
    oppenheimer ostwald pascal pasteur pauling payne perlis planck poincare poitras postel priestley ptolemy pythagoras
    raman ramanujan rayleigh riemann ritchie roentgen rubin rutherford sagan salk sammet sanger schrodinger
    semmelweis shannon sinoussi snow somerville stallman steinmetz stokes swirles tarjan tesla thompson thomson
    torricelli torvalds turing vaughan viterbi volta wallace watt weizenbaum wheeler wiener wilkes wilkinson wing
    wirth wozniak wright wu yalow yonath young zuse
""".split()  # noqa: SIM905  # 150 quoted words hide the words
)


def check(given: str) -> str:
    """The name without its optional leading slash. Raises with Docker's text."""
    name = given.removeprefix("/")
    if not _ALLOWED.match(name):
        raise InvalidParameter(f"Invalid container name ({given}), only {RULE} are allowed")
    return name


def generate(taken: Callable[[str], bool], container_id: str) -> str:
    """`adjective_surname`; later tries add a digit, and in the end the short id is a name nobody has."""
    for attempt in range(_TRIES):
        name = f"{secrets.choice(ADJECTIVES)}_{secrets.choice(SURNAMES)}"
        if attempt:
            name += str(secrets.randbelow(10))
        if not taken(name):
            return name
    return ids.short(container_id)
