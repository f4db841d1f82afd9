"""The little world that all examples are made of: our own word lists."""

import re

GIRLS_NAMES = """Ada Alba Alma Anna Ava Bela Carla Cleo Cora Dana Dina Edda Elsa Emma Eva Flora Gina Greta Hana Ida Ines
Iris Jana Julia Kira Klara Lara Lea Lena Lina Lisa Mara Maria Maya Mia Mira Nadia Nina Nora Olga Petra Pia Rita Rosa Ruth
Sara Selma Sofia Tara Tina Uma Vera Willa Yara Zoe""".split()

BOYS_NAMES = """Amir Anton Ben Bruno David Eli Emil Enzo Felix Finn Fritz Hugo Ivan Jonas Josef Karl Leo Luca Luis Marco
Max Milo Noah Omar Oscar Otto Paul Sam Simon Theo Tom Viktor""".split()

NAMES = sorted(GIRLS_NAMES + BOYS_NAMES)

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
Bogota Toronto Boston Denver Chicago Seattle Kyoto Osaka Tokyo Delhi Mumbai Hanoi Seoul""".split() + [
    "New York",
    "San Francisco",
    "Los Angeles",
    "Buenos Aires",
    "Cape Town",
    "Hong Kong",
    "Mexico City",
    "Rio de Janeiro",
    "Kuala Lumpur",
    "Tel Aviv",
    "San Diego",
    "Addis Ababa",
    "Santa Cruz",
]

JOBS = """baker teacher doctor nurse painter farmer pilot sailor singer dancer writer tailor gardener carpenter plumber
cook driver judge lawyer chemist librarian waiter barber potter weaver""".split()

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()

ADJECTIVES = """small big old young kind brave shy clever lazy happy sad quiet loud gentle curious hungry sleepy proud
merry busy careful funny""".split()

PLACES = """forest garden river lake village castle mountain meadow beach barn mill bridge market valley island harbour
cave tower orchard field""".split()

VERBS_PAST = """walked ran jumped danced climbed swam waited listened looked sang laughed whispered""".split()

TRAVELLED = "walked ran jumped danced climbed swam sailed crept".split()

EVENTS = """meeting concert picnic party lecture workshop dinner parade exam rehearsal match class""".split()

OPPOSITES = dict(pair.split("/") for pair in """big/small hot/cold old/young fast/slow high/low light/dark early/late
hard/soft loud/quiet happy/sad open/closed full/empty wet/dry rich/poor strong/weak long/short near/far up/down
day/night summer/winter clean/dirty thick/thin wide/narrow sweet/sour""".split())

SOUNDS = {
    "cat": "meow",
    "dog": "woof",
    "cow": "moo",
    "sheep": "baa",
    "duck": "quack",
    "horse": "neigh",
    "pig": "oink",
    "hen": "cluck",
    "owl": "hoot",
    "lion": "roar",
    "frog": "croak",
    "mouse": "squeak",
    "crow": "caw",
    "wolf": "howl",
}

LEGS = {
    0: "snake fish whale snail worm dolphin shark".split(),
    2: "hen duck owl crow swan parrot pigeon robin sparrow penguin goose".split(),
    4: """dog cat horse cow fox bear frog mouse rabbit goat sheep lion tiger wolf turtle hedgehog squirrel badger otter beaver
    deer donkey pony lizard camel zebra panda pig elephant""".split(),
    6: "ant bee beetle fly".split(),
    8: ["spider"],
    10: ["crab"],
}

HUES = {
    "grass": "green",
    "snow": "white",
    "coal": "black",
    "a lemon": "yellow",
    "blood": "red",
    "the sky": "blue",
    "a carrot": "orange",
    "milk": "white",
    "a frog": "green",
    "chocolate": "brown",
    "a tomato": "red",
    "the night": "black",
    "a banana": "yellow",
    "the sun": "yellow",
    "an orange": "orange",
    "a cherry": "red",
    "a strawberry": "red",
    "the sea": "blue",
    "an elephant": "grey",
    "a mouse": "grey",
    "a crow": "black",
    "a swan": "white",
    "a cucumber": "green",
    "a pumpkin": "orange",
}

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
    "\n", "|"
).split("|")

HEROINES = "girl queen princess witch fairy grandmother lady aunt".split()
MALE_HEROES = "boy king prince wizard knight grandfather uncle".split()
HEROES = "dragon unicorn giant robot pirate elf ghost captain clown monster".split() + HEROINES + MALE_HEROES

TREASURES = """sword crown treasure star rose violin telescope compass feather diamond pearl trumpet shield wand rainbow
snowman pumpkin balloon bicycle rocket""".split()

# Everyday words, to be spelled and counted; nothing is known of them.
EVERYDAY = """able above accept across afraid afternoon again airport almost alone already always among answer arrive artist
autumn awake baby beautiful because become before begin behind believe below beside better between beyond birthday
bottom branch breakfast brother build building busy calm camera captain careful carry catch ceiling centre chance change
cheap cheerful child chimney choose church circle city class clean climb cloud coffee cold colour comfortable common
complete computer cool copy corner cotton country courage cousin create crowd daughter deep degree delicious depend
desert design different difficult dinner distance doctor double dozen dream dress drink during eagle early earth easy
eight elbow eleven elephant empty energy engine enjoy enough evening every example exercise expect experience family
famous father favourite february fence fifteen finger finish fire flag flat flower follow forget fourteen free fresh
friend front fruit future gather giraffe glass gold grandfather grape great ground group grow hammer handle happen heart
heavy helicopter help hippopotamus history holiday honest hospital hotel hour hundred hurry important inside interesting
invite january jacket jewel journey juice jungle kangaroo keep kind kitchen knife language large laugh leaf learn leave
left lesson library listen little long lunch machine magazine magic mango many market master measure medicine member
message middle million mind minute mississippi money month morning mother motor mouth move museum music narrow nature
necessary needle nephew newspaper nine nobody noise north november number ocean october office onion open orange order
other outside page paint parent part patient peace people perfect person picture piece pineapple planet plastic please
pocket police poor popular potato power present president pretty problem program promise purple purpose quarter question
quick quiet raspberry ready reason remember repair repeat restaurant result return rhinoceros rhythm river rocket room
round safe sandwich saturday school science season second secret september seven shadow shape share shirt shop short
shoulder silence simple sister skin sleep slow smile smooth soap soft soldier someone sound south special spring square
stairs station steam stone stop straight strange strawberry street strong student sugar summer surprise sweater
swim system table teach telephone television temple thank theatre thing thirsty thousand throat through thunder ticket
tired today together tomorrow tongue touch toward travel triangle trouble trousers twelve twenty uncle under understand
university until useful vegetable village visit voice volcano wait walk warm wash watch water weather wednesday weekend
welcome west wheel where whisper white window winter without wonderful wood word work world write wrong year yellow
yesterday yoghurt zero blueberry blackberry watermelon avocado broccoli spaghetti chocolate umbrella alphabet balloon
butterfly caterpillar dinosaur dolphin flamingo hamster ladybird octopus peacock pelican reindeer squid starfish hello
goodbye python keyboard internet software hardware algorithm language model token batch server""".split()

ALL_WORDS = sorted(
    set(
        ANIMALS
        + FOODS
        + THINGS
        + PLACES
        + ADJECTIVES
        + COLOURS
        + JOBS
        + list(OPPOSITES)
        + HEROES
        + TREASURES
        + EVERYDAY
        + [word for group in RHYMES for word in group]
    )
)

_ONSETS = "b br c ch d dr f fl g gr h j k l m n p pl r s sh st t tr v w z".split()
_VOWELS = "a e i o u".split()
_CODAS = ["", "", "l", "m", "n", "r", "s", "t", "d", "k"]


def _of_syllables(rng):
    return "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(rng.choice((1, 2, 2))))


def _blended(rng):
    """The start of one word and the end of another, such as "strango"."""
    start, end = rng.choice(ALL_WORDS), rng.choice(ALL_WORDS)
    return start[:rng.randrange(2, 5)] + end[-rng.randrange(2, 5):]


def _of_letters(rng):
    return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(rng.randrange(3, 7)))


_KNOWN = {*ALL_WORDS, *(animal for animals in LEGS.values() for animal in animals)}


def invented_word(rng):
    """A word that no list holds, such as "bramol"; like a language's, or like none."""
    while (word := rng.choices((_of_syllables, _blended, _of_letters), (5, 4, 1))[0](rng)) in _KNOWN:
        pass
    return word


def any_word(rng):
    return rng.choice(ALL_WORDS) if rng.random() < 0.6 else invented_word(rng)


def any_of(rng, nouns):
    """A single word."""
    return rng.choice(nouns) if rng.random() < 0.8 else invented_word(rng)


def _one_name(rng):
    return rng.choice(NAMES) if rng.random() < 0.7 else invented_word(rng).capitalize()


def any_name(rng):
    """Such as Tom, Bramol, Tom Bramol, Anna-Maria."""
    joined = rng.choices([None, " ", "-"], (8, 2, 1))[0]
    return joined.join([_one_name(rng), _one_name(rng)]) if joined else _one_name(rng)


def any_city(rng):
    """Such as Oslo, Bramol, Bramol Tar."""
    if rng.random() < 0.75:
        return rng.choice(CITIES)
    return " ".join(invented_word(rng).capitalize() for _ in range(rng.choice((1, 1, 2))))


QUALIFIERS = ADJECTIVES + COLOURS + FOODS + "new dark light hot cold sweet fresh wild wooden paper guinea city night".split()


def any_thing(rng, nouns):
    """A noun, or one with a word before it, such as "chocolate cake"."""
    noun = any_of(rng, nouns)
    return f"{any_of(rng, QUALIFIERS)} {noun}" if rng.random() < 0.2 else noun


def any_password(rng):
    """Such as bramol, banana7, Tar-204."""
    word = any_word(rng)
    if rng.random() < 0.2:
        word = word.capitalize()
    return word if rng.random() < 0.6 else word + rng.choice(["", "", "-", "_"]) + any_number(rng)


def any_number(rng):
    """Of one to three digits; the short ones as often as the long ones."""
    return str(rng.randrange(10 ** rng.randrange(1, 4)))


# Spelt with a vowel and spoken without, or the other way round.
_SPOKEN_OTHERWISE = {"unicorn", "uniform", "university", "useful", "hour", "honest"}


def with_article(noun):
    vowel = (noun[0].lower() in "aeiou") != (noun.split()[0] in _SPOKEN_OTHERWISE)
    return f"{'an' if vowel else 'a'} {noun}"


_A_WORD = re.compile(r"\b(a) (\w+)", re.IGNORECASE)


def with_articles(text):
    """The same, but "an owl" where it says "a owl"."""
    return _A_WORD.sub(lambda found: found[1] + with_article(found[2])[1:], text)
