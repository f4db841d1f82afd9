"""Sentences that mean the same in other words, and such that only look alike.

A meaning is a set of templates with the same slots; with values in the slots it
is a thing said, and its wordings are paraphrases of each other. One of ten things
said, by its hash, is never trained on.
"""
import dataclasses
import functools
import random

from .grammar import SLOTS, expand, fill, slots_of
from .sample import never_trained_on

MEANINGS = {
    "weather": ["What {is|will be} the weather {like |}in <city> on <day>?", "How will the weather be on <day> in <city>?",
                "Do I need an umbrella in <city> on <day>?", "Will it rain in <city> on <day>?", "<city>, <day>: sun or rain?"],
    "cold": ["It is {very |so |}cold in <city>.", "<city> is freezing.", "You need a warm coat in <city>.",
             "How {icy|chilly} it is in <city>!"],
    "hot": ["It is {very |so |}hot in <city>.", "The heat in <city> is {great|terrible}.", "<city> is boiling.",
            "Everybody sweats in <city>."],
    "sum": ["What is <a> plus <b>?", "Add <a> and <b>.", "{Compute|Calculate} <a> + <b>.",
            "How much {are|is} <a> and <b> together?",
            "<a> + <b> = ?", "The sum of <a> and <b>, please."],
    "difference": ["What is <a> minus <b>?", "Take <b> away from <a>.", "{Compute|Calculate} <a> - <b>.",
                   "Subtract <b> from <a>.",
                   "<a> - <b> = ?", "How much is left of <a> without <b>?"],
    "product": ["What is <a> times <b>?", "Multiply <a> by <b>.", "{Compute|Calculate} <a> * <b>.", "<a> x <b> = ?",
                "The product of <a> and <b>, please."],
    "recipe": ["How do I {cook|make} <food> with <side>?", "A recipe for <food> and <side>, please.",
               "I want to prepare <food> with <side>.",
               "Which steps does <food> with <side> take in the kitchen?", "Teach me to cook <food> and <side>."],
    "order food": ["I would like {to order |}<count> portions of <food>.", "<count> times <food>, please.",
                   "Please bring us <food> for <count>.",
                   "Can we have <food>, <count> plates of it?", "We take the <food>, and <count> of them."],
    "likes food": ["<name> {likes|loves} <food>.", "<food> is what <name> likes {best|most}.",
                   "The favourite food of <name> is <food>.",
                   "<name> could eat <food> every day.", "Nothing tastes better to <name> than <food>."],
    "hates food": ["<name> {hates|dislikes} <food>.", "<name> cannot stand <food>.", "<name> never eats <food>.",
                   "<food> makes <name> sick.",
                   "Do not give <food> to <name>."],
    "bakes": ["<name> {bakes|cooks} <food> for <friend>.", "<friend> gets <food> from the kitchen of <name>.",
              "<name> stands at the stove and makes <food> for <friend>.", "For <friend> there is <food>, made by <name>."],
    "job": ["<name> works as a <job>.", "<name> is a <job> {by trade|}.", "The job of <name> is <job>.",
            "<name> earns money as a <job>."],
    "wants job": ["<name> wants to {be|become} a <job>.", "<name> dreams of work as a <job>.",
                  "One day <name> will be a <job>.",
                  "To be a <job> is the wish of <name>."],
    "lives": ["<name> lives in <city>.", "The home of <name> is in <city>.", "<city> is where <name> lives.",
              "<name> has a {house|flat} in <city>."],
    "born": ["<name> was born in <city>.", "<city> is the birthplace of <name>.", "<name> came into the world in <city>.",
             "The cradle of <name> stood in <city>."],
    "left": ["<name> {left|went away from} <city>.", "<name> is no longer in <city>.", "<name> has said goodbye to <city>.",
             "<city> is without <name> now."],
    "moves": ["<name> moves to <city> on <day>.", "On <day> <name> gets a new home in <city>.",
              "From <day> on <name> lives in <city>.",
              "<city> will be the home of <name> from <day>."],
    "trip": ["I want to travel from <city> to <town>.", "How do I get from <city> to <town>?",
             "A ticket from <city> to <town>, please.",
             "My {trip|journey} starts in <city> and ends in <town>.", "I am in <city> and must go to <town>."],
    "distance": ["How far is <city> from <town>?", "What is the distance between <city> and <town>?",
                 "How many miles lie between <city> and <town>?",
                 "Is it a long way between <city> and <town>?"],
    "train": ["When does the train to <city> leave?", "At what time does the train go to <city>?",
              "The departure of the <city> train, please.",
              "Which hour is the train for <city>?"],
    "hotel": ["I need a hotel in <city> for <count> nights.", "Book me a room in <city>, <count> nights.",
              "Where can I sleep in <city> for <count> nights?",
              "We stay <count> nights in <city> and look for a bed."],
    "visit": ["<name> visits <friend> in <city>.", "<friend> has <name> as a guest in <city>.",
              "<name> goes to <city> to see <friend>.",
              "In <city> <name> comes to see <friend>."],
    "event": ["The <event> {is|takes place} on <day> at <hour>.", "On <day> the <event> {starts|begins} at <hour>.",
              "Come to the <event> on <day>, <hour> o'clock.",
              "At <hour> on <day> there is the <event>."],
    "event off": ["The <event> on <day> is {cancelled|off}.", "There will be no <event> on <day>.",
                  "They called off the <event> of <day>.",
                  "Do not come to the <event>: it does not take place on <day>."],
    "event late": ["The <event> starts <count> minutes late.", "Wait <count> minutes for the <event>.",
                   "The <event> is delayed by <count> minutes.",
                   "<count> more minutes until the <event> begins."],
    "event liked": ["<name> enjoyed the <event>.", "The <event> was a joy for <name>.",
                    "<name> had {fun|a good time} at the <event>.",
                    "For <name> the <event> was wonderful."],
    "event bored": ["The <event> bored <name>.", "<name> fell asleep at the <event>.",
                    "<name> found the <event> {dull|boring}.",
                    "It was a long and empty <event> for <name>."],
    "remind": ["Remind me of the <event> at <hour>.", "Do not let me forget the <event> at <hour>.",
               "Tell me at <hour> that there is the <event>.",
               "Set an alarm for the <event>, <hour> o'clock."],
    "wake": ["Wake me at <hour> on <day>.", "I must get up at <hour> on <day>.", "Set the alarm to <hour> for <day>.",
             "On <day> I have to be out of bed by <hour>."],
    "sad": ["<name> is {sad|unhappy}.", "<name> feels {bad|low}.", "<name> {cries|weeps}.",
            "There are tears in the eyes of <name>.",
            "<name> had an awful day."],
    "happy": ["<name> is {happy|glad}.", "<name> feels {great|wonderful}.", "<name> {smiles|laughs}.", "<name> is full of joy.",
              "<name> had a lovely day."],
    "angry": ["<name> is {angry|furious}.", "<name> is mad at everybody.", "<name> {shouts|yells} with rage.",
              "What made <name> so cross?"],
    "afraid": ["<name> is {afraid|scared} of the <animal>.", "The <animal> frightens <name>.",
               "<name> runs away from the <animal>.",
               "<name> trembles before the <animal>."],
    "tired": ["<name> is {tired|sleepy}.", "<name> wants to go to bed.", "<name> can hardly keep awake.",
              "<name> needs some {sleep|rest}."],
    "ill": ["<name> is {ill|sick}.", "<name> has a fever.", "<name> should see a doctor.", "<name> caught a cold."],
    "hungry": ["<name> is hungry.", "<name> wants something to eat.", "The stomach of <name> is empty.",
               "<name> could eat a horse."],
    "pet": ["<name> has a <animal> {as a pet|at home}.", "The pet of <name> is a <animal>.", "A <animal> lives with <name>.",
            "<name> {keeps|owns} a <animal>."],
    "lost pet": ["<name> cannot find the <animal>.", "The <animal> of <name> ran away.",
                 "<name> {looks|searches} for a lost <animal>.",
                 "Has anybody seen the <animal> that <name> is missing?"],
    "feed": ["<name> feeds the <animal> on <day>.", "On <day> the <animal> gets its food from <name>.",
             "It is <name> who gives the <animal> to eat on <day>.",
             "Food for the <animal> comes from <name> every <day>."],
    "sound": ["What sound does a <animal> make?", "What does the <animal> say?", "How does a <animal> sound?",
              "The {voice|noise} of a <animal>, please."],
    "legs": ["How many legs does a <animal> have?", "Count the legs of a <animal>.", "On how many feet does a <animal> walk?",
             "The number of legs of a <animal>, please."],
    "opposite": ["What is the opposite of <word>?", "Which word means the contrary of <word>?", "Not <word>, but what?",
                 "Name the reverse of <word>.",
                 "The antonym of <word>, please."],
    "rhyme": ["What rhymes with <word>?", "Give me a rhyme for <word>.", "Which word ends like <word>?",
              "I write a verse and need a match for <word>."],
    "spell": ["How do you spell <word>?", "Spell <word>.", "The letters of <word> one by one, please.",
              "Which letters make up <word>?"],
    "backwards": ["Write <word> backwards.", "Reverse <word>.", "Turn <word> around, last letter first.",
                  "Say <word> from the end to the start."],
    "meaning": ["What does <word> mean?", "Explain the word <word>.", "The {meaning|definition} of <word>, please.",
                "I do not understand what <word> is."],
    "colour is": ["The <thing> is <colour>.", "<colour> is the colour of the <thing>.", "They painted the <thing> <colour>.",
                  "Here is a <colour> <thing>."],
    "colour liked": ["<name> likes <colour> best.", "The favourite colour of <name> is <colour>.",
                     "<name> prefers <colour> to all other colours.",
                     "<colour> is what <name> would always choose."],
    "big": ["The <thing> is {very |}{big|large|huge}.", "What a {big|large|huge} <thing>!", "The <thing> is not small at all.",
            "The <thing> hardly fits into the room."],
    "small": ["The <thing> is {very |}{small|little|tiny}.", "What a {small|little|tiny} <thing>!",
              "The <thing> is not big at all.",
              "The <thing> fits into one hand."],
    "broken": ["The <thing> is {broken|damaged}.", "The <thing> does not work any more.",
               "Somebody must {mend|repair} the <thing>.",
               "The <thing> fell into pieces."],
    "buy": ["<name> {buys|bought} a <thing>.", "<name> paid for a <thing>.", "<name> got a <thing> at the shop.",
            "The shop sold a <thing> to <name>."],
    "price": ["How much {is|does} the <thing> {cost|}?", "What is the price of the <thing>?",
              "How many coins do you want for the <thing>?",
              "What must I pay for the <thing>?"],
    "lost": ["<name> lost the <thing>.", "<name> cannot find the <thing>.", "The <thing> of <name> is {gone|missing}.",
             "<name> is looking for the <thing>."],
    "found": ["<name> found a <thing> in the <place>.", "In the <place> <name> came upon a <thing>.",
              "There was a <thing> in the <place>, and <name> saw it.",
              "The <place> held a <thing> that <name> discovered."],
    "gift": ["<name> gives a <thing> to <friend>.", "<friend> gets a <thing> from <name>.",
             "The <thing> is a present of <name> for <friend>.",
             "<name> hands <friend> a <thing> as a gift."],
    "clean": ["<name> {cleans|washes} the <thing>.", "<name> makes the <thing> shine.",
              "The <thing> is no longer dirty thanks to <name>.",
              "With soap and water <name> goes over the <thing>."],
    "where": ["Where is the <thing>?", "In which place is the <thing>?", "Do you know where the <thing> is?",
              "Tell me how to find the <thing>."],
    "story": ["Tell me a story about a <animal> and a <thing>.", "Write a tale of a <animal> with a <thing>.",
              "Once upon a time a <animal> had a <thing>.",
              "Make up something with a <animal> and a <thing> in it."],
    "walk": ["<name> {walks|strolls} in the <place>.", "<name> goes for a walk in the <place>.",
             "On foot <name> crosses the <place>.",
             "<name> takes a few steps through the <place>."],
    "lonely place": ["Nobody is in the <place> on <day>.", "The <place> is empty on <day>.",
                     "On <day> the <place> lies lonely.",
                     "You will not meet anyone in the <place> on <day>."],
    "meet": ["<name> meets <friend> in the <place>.", "<name> and <friend> come together in the <place>.",
             "In the <place> <friend> and <name> see each other.",
             "The <place> is where <name> and <friend> find each other."],
    "friends": ["<name> and <friend> are friends.", "<name> likes <friend> a lot.", "<name> is {close to|fond of} <friend>.",
                "Nothing can part <name> and <friend>."],
    "quarrel": ["<name> and <friend> {quarrel|argue}.", "<name> does not talk to <friend> any more.",
                "There is a fight between <name> and <friend>.",
                "<name> and <friend> do not get along."],
    "married": ["<name> and <friend> are married.", "<friend> is the {wife|husband} of <name>.",
                "<name> wears the ring of <friend>.",
                "The wedding of <name> and <friend> was lovely."],
    "call": ["Call <name> at <hour>.", "Phone <name> at <hour> o'clock.", "Give <name> a ring at <hour>.",
             "At <hour> you should talk to <name> on the phone."],
    "write": ["Write {a letter|an email} to <name>.", "Send <name> a few lines.", "<name> should get a message from you.",
              "Please drop <name> a note."],
    "age": ["<name> is <a> years old.", "<name> has lived for <a> years.", "The age of <name> is <a>.",
            "<a> candles are on the cake of <name>."],
    "how old": ["How old is <name>?", "What is the age of <name>?", "When was <name> born?",
                "How many years has <name> lived?"],
    "who": ["Who is <name>?", "Tell me about <name>.", "I do not know <name>, do you?", "What kind of person is <name>?"],
    "topic": ["{What do you know|Tell me} about <topic>{?|.}", "Explain <topic> to me.",
              "I want to learn something about <topic>.",
              "Give me {facts|a lesson} on <topic>."],
    "topic dull": ["<topic> does not interest <name>.", "<name> does not care about <topic>.",
                   "<name> finds nothing in <topic>.", "Do not bother <name> with <topic>."],
    "day after": ["Which day comes after <day>?", "What day follows <day>?", "Today is <day>, so what is tomorrow?",
                  "Name the day behind <day>."],
    "day before": ["Which day comes before <day>?", "What day precedes <day>?", "Today is <day>, so what was yesterday?",
                   "Name the day in front of <day>."],
    "even": ["Is <a> even or odd?", "Can <a> be divided by two?", "Is <a> a multiple of 2?",
             "Does <a> split into two equal halves?"],
    "busy": ["<name> has no time on <day>.", "On <day> <name> is {busy|not free}.", "<name> cannot come on <day>.",
             "The <day> of <name> is full of work."],
    "free": ["<name> has time on <day>.", "On <day> <name> is free.", "<name> can come on <day>.",
             "There is nothing to do for <name> on <day>."],
    "holiday": ["<name> is on holiday in <city>.", "<name> takes some days off in <city>.",
                "<name> spends the vacation in <city>.",
                "To rest from work <name> went to <city>."],
    "learns": ["<name> learns to play the <thing>.", "<name> takes lessons on the <thing>.",
               "A teacher shows <name> how to use the <thing>.",
               "<name> is a beginner at the <thing>."],
    "reads": ["<name> reads a book about <topic>.", "The book that <name> holds is about <topic>.",
              "<topic> is what <name> reads about.",
              "<name> turns the pages of a work on <topic>."],
    "garden": ["<name> grows <food> in the garden.", "In the garden of <name> there is <food>.",
               "<name> planted <food> behind the house.",
               "The beds of <name> are full of <food>."],
}
KINDS = ("unrelated", "same wording", "same values")


@dataclasses.dataclass(frozen=True)
class Said:
    meaning: str
    values: tuple  # of (slot, value)

    def key(self):
        return " ".join([self.meaning, *(str(value) for _, value in self.values)])

    def held_out(self):
        return never_trained_on(self.key())

    def word(self, rng, template):
        """As one may type it: now and then without capitals or the full stop."""
        text = expand(rng, template, dict(self.values))
        if rng.random() < 0.1:
            text = text.lower()
        return text.rstrip(".") if rng.random() < 0.1 else text


def slots(meaning):
    return sorted(set(slots_of(MEANINGS[meaning][0])))


def say(meaning, values):
    return Said(meaning, tuple((slot, values[slot]) for slot in slots(meaning)))


def draw(rng, meaning=None):
    meaning = meaning or rng.choice(list(MEANINGS))
    return say(meaning, fill(rng, slots(meaning)))


def other_values(rng, said):
    """The same with one value changed."""
    values = dict(said.values)
    slot = rng.choice(sorted(values))
    values[slot] = rng.choice([value for value in SLOTS[slot] if value not in values.values()])
    return say(said.meaning, values)


@functools.lru_cache(maxsize=None)
def _neighbours(meaning):
    """Meanings that can be said of the same things."""
    return [other for other in MEANINGS if other != meaning and set(slots(other)) & set(slots(meaning))]


def other_meaning(rng, said):
    """Something else with as many of the same values as it takes."""
    meaning = rng.choice(_neighbours(said.meaning))
    values = dict(said.values)
    fresh = {slot: rng.choice([value for value in SLOTS[slot] if value not in values.values()])
             for slot in slots(meaning) if slot not in values}
    return say(meaning, values | fresh)


def _trainable(rng, make):
    while True:
        said = make(rng)
        if not said.held_out():
            return said


def cluster(rng):
    """What is said together in a batch, as (key, sentence, paraphrase): the
    others are near the first, so that the batch holds hard negatives. One of
    the others has its two templates the other way round."""
    first = _trainable(rng, draw)
    one, two = rng.sample(MEANINGS[first.meaning], 2)
    near = _trainable(rng, lambda rng: other_values(rng, first))
    other = _trainable(rng, lambda rng: other_meaning(rng, first))
    three, four = rng.sample(MEANINGS[other.meaning], 2)
    return [(said.key(), said.word(rng, left), said.word(rng, right))
            for said, left, right in ((first, one, two), (near, two, one), (other, three, four))]


def _negative(rng, kind, said, template):
    if kind == "same wording":
        return other_values(rng, said).word(rng, template)
    other = other_meaning(rng, said)
    while kind == "unrelated" and (other.meaning == said.meaning or set(other.values) & set(said.values)):
        other = draw(rng)
    return other.word(rng, rng.choice(MEANINGS[other.meaning]))


def held_out(count, seed, kind):
    """Triples (sentence, paraphrase, sentence that is farther away)."""
    rng = random.Random(f"paraphrases {kind} {seed}")
    found = []
    while len(found) < count:
        said = draw(rng)
        if said.held_out():
            one, two = rng.sample(MEANINGS[said.meaning], 2)
            found.append((said.word(rng, one), said.word(rng, two), _negative(rng, kind, said, one)))
    return found
