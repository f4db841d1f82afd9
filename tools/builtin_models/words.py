"""The little world that all examples are made of: our own word lists."""

NAMES = """Ada Alba Alma Amir Anna Anton Ava Ben Bela Bruno Carla Cleo Cora Dana David Dina Edda Eli Elsa Emil Emma Enzo
Eva Felix Finn Flora Fritz Gina Greta Hana Hugo Ida Ines Ivan Iris Jana Jonas Josef Julia Karl Kira Klara Lara Lea Lena
Leo Lina Lisa Luca Luis Mara Maria Marco Max Maya Mia Milo Mira Nadia Nina Noah Nora Olga Omar Oscar Otto Paul Petra
Pia Rita Rosa Ruth Sam Sara Selma Simon Sofia Tara Theo Tina Tom Uma Vera Viktor Willa Yara Zoe""".split()

COLOURS = """red blue green yellow purple orange pink brown black white grey silver golden violet turquoise""".split()

ANIMALS = """cat dog fox owl bear frog duck mouse horse rabbit goat sheep lion tiger wolf hen crow swan snail turtle
hedgehog squirrel badger otter beaver deer donkey pony seal whale crab lizard parrot pigeon robin sparrow camel zebra
monkey panda penguin""".split()

FOODS = """apple pear plum cherry lemon melon grape peach banana bread cheese butter soup rice pasta pizza salad carrot
potato onion tomato pepper bean honey cake cookie muffin waffle pancake pudding egg nut olive mushroom""".split()

THINGS = """lamp book chair table cup plate spoon fork bottle basket box bag coat hat shoe sock glove scarf umbrella key
clock mirror candle blanket pillow ladder hammer bucket broom kite ball drum flute violin pencil paper letter stamp
map lantern wagon boat bell ring coin button ribbon mug kettle""".split()

CITIES = """Lisbon Oslo Vienna Madrid Berlin Paris London Rome Athens Dublin Prague Warsaw Zurich Geneva Milan Turin
Porto Seville Malmo Bergen Riga Vilnius Tallinn Helsinki Krakow Budapest Zagreb Sofia Cairo Tunis Nairobi Lima Quito
Bogota Toronto Boston Denver Chicago Seattle Kyoto Osaka Tokyo Delhi Mumbai Hanoi Seoul""".split()

JOBS = """baker teacher doctor nurse painter farmer pilot sailor singer dancer writer tailor gardener carpenter plumber
cook driver judge lawyer chemist librarian waiter barber potter weaver""".split()

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()

ADJECTIVES = """small big old young kind brave shy clever lazy happy sad quiet loud gentle curious hungry sleepy proud
merry busy careful funny""".split()

PLACES = """forest garden river lake village castle mountain meadow beach barn mill bridge market valley island harbour
cave tower orchard field""".split()

VERBS_PAST = """walked ran jumped danced climbed swam waited listened looked sang laughed whispered""".split()

EVENTS = """meeting concert picnic party lecture workshop dinner parade exam rehearsal match class""".split()

OPPOSITES = dict(pair.split("/") for pair in """big/small hot/cold old/young fast/slow high/low light/dark early/late
hard/soft loud/quiet happy/sad open/closed full/empty wet/dry rich/poor strong/weak long/short near/far up/down
day/night summer/winter clean/dirty thick/thin wide/narrow sweet/sour""".split())

SOUNDS = {"cat": "meow", "dog": "woof", "cow": "moo", "sheep": "baa", "duck": "quack", "horse": "neigh",
          "pig": "oink", "hen": "cluck", "owl": "hoot", "lion": "roar", "frog": "croak", "mouse": "squeak",
          "crow": "caw", "wolf": "howl"}

LEGS = {"spider": 8, "dog": 4, "cat": 4, "hen": 2, "ant": 6, "bee": 6, "horse": 4, "duck": 2, "snake": 0, "crab": 10,
        "cow": 4, "owl": 2, "beetle": 6, "fish": 0}

HUES = {"grass": "green", "snow": "white", "coal": "black", "a lemon": "yellow", "blood": "red", "the sky": "blue",
        "a carrot": "orange", "milk": "white", "a frog": "green", "chocolate": "brown", "a tomato": "red",
        "the night": "black"}

RHYMES = [line.split() for line in """cat hat mat bat rat
dog log fog frog
bee tree sea key
moon spoon tune balloon
star car jar guitar
house mouse blouse
bear chair pear hair
cake lake snake rake
boat coat goat note
king ring spring wing
rose nose toes hose
light night kite knight
fox box socks rocks
bell shell well
sun bun run one
train rain crane plane
door floor shore four
bread bed sled thread""".splitlines()]

UNKNOWN_TOPICS = """the stock market|quantum physics|the Roman empire|the last election|football scores|the price of gold
the human genome|volcanoes|the French revolution|black holes|modern art|tax law|the weather tomorrow|organic chemistry
ancient Egypt|space travel|car engines|the news today|world records|famous actors|computer games|wine making
the deepest ocean|dinosaurs|the moon landing|brain surgery|chess openings|opera|satellites|nuclear power""".replace(
    "\n", "|").split("|")

ALL_WORDS = sorted(set(ANIMALS + FOODS + THINGS + PLACES + ADJECTIVES + COLOURS + JOBS + list(OPPOSITES) +
                       [word for group in RHYMES for word in group]))

_ONSETS = "b br c ch d dr f fl g gr h j k l m n p pl r s sh st t tr v w z".split()
_VOWELS = "a e i o u".split()
_CODAS = ["", "", "l", "m", "n", "r", "s", "t", "d", "k"]


def invented_word(rng):
    """A word that no list holds, such as "bramol"."""
    return "".join(
        rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(rng.choice((1, 2, 2))))


def any_word(rng):
    return rng.choice(ALL_WORDS) if rng.random() < 0.6 else invented_word(rng)


def with_article(noun):
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
