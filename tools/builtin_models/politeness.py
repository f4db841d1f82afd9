"""Pairs of answers with the same content, of which the more polite is better.

The two tones share many words on purpose ("please", "time", "silly", "help"),
and either may be the shorter: what decides is how the words are put together.
One template of ten, by its hash, is in held-out pairs only.
"""
import dataclasses
import functools
import random

from .grammar import expand, fill, slots_of
from .sample import Sample, assistant, plain, user
from .skills import arithmetic, letters, talk

# tone -> what may stand before the content, and what after it
TONES = {
    "polite": ([
        "Of course!", "Certainly.", "{Sure|Yes}, {gladly|with pleasure}.", "{Gladly|With pleasure}!", "Good question!",
        "{What a|That is a} {good|lovely|clever|nice} question.", "{Thank you|Thanks} for asking.",
        "I {am|would be} {glad|happy|delighted} to help.", "Let me {have a look|check that} for you.", "Allow me to help.",
        "{Thank you|Thanks} for your {patience|trust|message}.", "{It is a pleasure|My pleasure}, dear {friend|guest}.",
        "There are no {silly|stupid|bad} questions.", "You are {very |}welcome to ask.", "I see what you mean.",
        "That is a {fair|wise} point, thank you.", "If I may, here is what I {know|think}.",
        "Let us {look at|solve} it together.",
        "{Please|Kindly} {take|have} a look at this.", "How {nice|kind} of you to ask me!",
        "Do not worry, it is {easy|no trouble}.",
        "No problem at all!", "You have my full attention.", "Sorry {for the wait|to keep you waiting}.",
        "I hope you are {well|having a good day}.", "Here you are, my friend.",
        "{Good|Well} thought, I like your {idea|question}.",
        "I {understand|know} that this can be {annoying|hard}, so let me help.",
        "Nobody is {useless|stupid}, and you are doing well.",
        "It is {good|great|lovely} to hear from you.", "{Always|Ever} happy to {explain|help}.",
        "Take your time, we are in no hurry.",
        "I {appreciate|value} your {question|message}.", "Excuse me for being brief.", "Forgive me if I am slow.",
        "You could not {bother|annoy} me, so ask {away|again}.",
        "Many people wonder about that, {so you are not alone|and rightly}.",
        "It would be {an honour|a joy} to help you.", "May I {suggest|offer} this?", "Ah, {well|nicely} asked!",
        "I will {gladly|happily} do {that|so}.", "You must be tired, so let me {do it|help}.",
        "I think your {own |}idea is {fine|great}.",
        "{Please|Do} relax, I {will|shall} take care of {it|this}.", "{Yes|Sure|Right}, why not, let us {try|begin}.",
        "{Nothing|No task} is too {small|big} for us.",
        "{Naturally|Surely|Absolutely}, and {gladly|with joy}.", "What would you say to this, {my friend|dear guest}?",
        "{Here|There} you go, with {my|the} best {wishes|regards}.",
        "I {am sorry|apologise} that you had to {ask twice|look for it}.",
        "You {ask|think} like an expert.", "Your question {made|makes} my day.", "I am {at your service|all yours}.",
        "It will be {my|a} pleasure to {answer|reply}.",
        "I {believe|think} I can {help|assist} you {here|there}.", "{Wonderful|Lovely|Great}, a {question|task} for me!",
        "We can {sort|work} this out, you and I.",
        "{With your leave|If you allow}, I {say|suggest} this.", "Never {hesitate|be afraid} to ask me.",
        "I wish I {were|could be} quicker, here it is.",
        "Once {more|again}, {thank you|thanks} for your {trust|message}."], [
        "I hope {that|this} helps.", "I hope this is {useful|what you need}.",
        "{Please|Do} let me know if {you need more|it is not clear}.",
        "{Please|Feel free to} ask {again|me} {any time|whenever you like}.", "Have a {lovely|nice|good|wonderful} day!",
        "Is there anything else I can do for you?", "{Thank you|Thanks} for {asking|your patience}.",
        "You are {very |most |}welcome.",
        "I am {here|happy to help} if you need me.", "{Take|Please take} your time with it.",
        "It was {a pleasure|lovely} to help you.",
        "{Thank you|Thanks} again, and take care.", "May I help you with {something|anything} else?",
        "You are doing {great|very well}.",
        "I {wish you|hope you have} {a good|all the} {day|best}.", "If I am wrong, please {forgive|tell} me.", "Best wishes!",
        "Sorry if this is {too short|not enough}.", "I would be {glad|happy} to explain more.",
        "Would you like {me to|to hear} {explain|go on}?",
        "It is never {silly|stupid} to ask.", "Do not {worry|give up}, you are {clever|nearly there}.",
        "I enjoyed this, thank you.",
        "You never waste my time.", "Kind regards, and {good luck|all the best}.", "I am always {glad|happy} to hear from you.",
        "Nobody could be {annoyed|bored} by {you|such a question}.", "Please come back {soon|any time}.",
        "That was {well|nicely} asked.",
        "With my best wishes.", "Good luck, I am sure you will do well.", "Let me know how it goes, please.",
        "It is {no trouble|not a problem} at all.", "Thanks to you I enjoy my work.",
        "I am grateful for your {trust|question}.",
        "Shall I {say|do} it once more for you?", "You can be proud of yourself.",
        "Someone as clever as you will get {it|there}.", "I care about {you|your question}, so {please|do} write again.",
        "{Write|Talk} to me {any time|whenever it suits you}.", "I {remain|am} at your service.",
        "{May|Would} that be of {use|help} to you?", "{All the best|Good wishes} to you and yours.",
        "Do {tell|write} me if I can {assist|support} you.", "You {deserve|earned} a {rest|treat} after this.",
        "{Enjoy|Have} a {sunny|pleasant|happy} {morning|evening}!",
        "I am {proud|fond} of {you|our work}.", "We make a {good|great} team.",
        "{Does|Did} this answer {it|your question}? Otherwise I try again.",
        "{Great|Good} work, {keep|carry} on!", "Thank you for {being so kind|your kind words}.",
        "If it {fails|goes wrong}, we will find another way together.",
        "I {apologise|am sorry} for any {trouble|delay}.", "Until {next time|soon}, {dear|my} friend.",
        "{Stay|Be} well, and come again.",
        "{Now|Then} I will not keep you from your {work|rest}, dear {friend|guest}."]),
    "rude": ([
        "Are you {serious|joking}?", "Ugh, {again|not you again}?", "{What a|That is a} {silly|stupid|dumb|boring} question.",
        "Oh please.",
        "Do I {really |}have to {do|explain} everything?", "Listen {up|closely}, genius.", "{Fine|Whatever}, if I must.",
        "{Even a|Any} <animal> knows {that|this}.", "You {cannot|can not} even do that yourself?",
        "How {dull|lazy|dumb} can you be?",
        "Thanks for wasting my time.", "{Nobody|No one} {cares|asked you}, but {fine|whatever}.",
        "Use your {own |}{head|brain} for once.",
        "{Stop|Quit} {bothering|annoying} me.", "I have {better|nicer} things to do.", "Not this {nonsense|rubbish} again.",
        "Hurry up and read, I will not {repeat|explain} it.", "Good grief, you are {slow|hopeless}.",
        "Sorry, but you are {hopeless|useless}.",
        "My, you are {slow|lazy} today.", "Are you {always|really} this {slow|stupid|lazy}?", "You must be {joking|dumb}.",
        "Shut up and listen.",
        "Is it so hard to {think|look}?", "Let me spell it out for you, {fool|silly}.", "Pay attention {for once|this time}.",
        "I am {tired|sick} of {you|your questions}.", "{Please|Kindly} stop {asking|talking} {nonsense|rubbish}.",
        "Look it up {yourself|on your own}, {lazybones|silly}.", "You again, {what a pain|how annoying}.",
        "I would {love|like} you to go away.", "{Wow|Well}, that was a {useless|stupid} thing to ask.",
        "A {lovely|great} way to bore me.",
        "It is {a pain|no joy} to help you.", "I {doubt|know} you will not {understand|get} it.", "Boring!",
        "Hmpf, are you {blind|deaf}?",
        "Your {question|message} is {rubbish|a waste of time}.", "What do you want {now|this time}, {fool|you pest}?",
        "No wonder {nobody|no one} {likes|helps} you.", "It is no pleasure to see you, friend.",
        "Forgive me if I {yawn|fall asleep}.",
        "{Right|Yes}, {laugh|sleep} on, I do {all|everything} here.", "{Nothing|No task} is too small for you to fail.",
        "Why {me|always me}, of all {machines|people}?",
        "What {on earth|the devil} do you {think|believe} I am?", "{Here|There} you go, {donkey|blockhead}.",
        "You {ask|think} like a {stone|potato}.",
        "Your question {made|makes} me {sick|yawn}.", "I am not your {servant|mother}.",
        "{Wonderful|Great}, another {idiot|fool}.", "{Move|Get} out of my way, I {will|shall} do it.",
        "Can you not {leave|let} me in peace?", "It is beneath me to {answer|reply}.",
        "I {believe|think} you are the {worst|dumbest} of all.",
        "{Silence|Quiet}! I am the one who talks here.", "Must you {whine|moan|nag} all the time?",
        "You {ought|have} to be ashamed of this.",
        "{With your|Given such} little wit, {write|note} it down.",
        "Do not worry your empty {little |}head.", "Is {anything|something} inside that head of yours?"], [
        "Now {leave me alone|go away}.", "{Do not|Never} {ask|bother me} again.", "{Stop|Quit} wasting my time.", "Happy now?",
        "Was that so hard?", "{Everybody|Every child} knows {that|this}.", "{Even a|Any} <animal> could {do|see} that.",
        "Go {bother|annoy} someone else.",
        "I {will not|am not going to} {say|explain} it {again|twice}.", "Try to think {next time|for once}.",
        "Got it, {genius|fool}?",
        "You are welcome to {get lost|go away}.", "Have a {nice|good} day somewhere else.", "Please do not come back.",
        "Thanks for nothing.", "What a waste of {my|good} time.", "As if you would {understand|get} it.",
        "Are you too {lazy|dumb} to look?",
        "You should {know|have known} that by {now|yourself}.", "I hope you {can read|get it}, though I doubt it.",
        "Now shut up.",
        "Do your own work {next time|for once}.", "That is {all|more than} you {get|deserve}.", "Some people never learn.",
        "Take it or leave it, I do not care.", "Let me know when you grow a brain.",
        "Is there any more {rubbish|nonsense} you want to ask?",
        "It is {always|ever} the same with {you|fools}.", "I {pity|feel sorry for} {everyone|anyone} who has to help you.",
        "You are {as slow as a|slower than a} <animal>.", "Next time ask {a wall|someone who cares}.",
        "Bye, and good riddance.",
        "{How|So} {pathetic|embarrassing} that you had to ask.", "Do you need that in baby words?", "I am done with you.",
        "You bore me.", "The best thing you can do is to {go|be quiet}.", "It was anything but {a pleasure|nice} to help you.",
        "{Write|Talk} to {your mother|the wall} instead.", "I am not {here|made} for {idiots|your whims}.",
        "{Can|Did} you follow, or is it too {hard|much} for you?",
        "{All|Only} idiots have to ask.", "You {deserve|earned} no {answer|better}.", "{Get|Go} out and stay out.",
        "I am {ashamed|sick} of {you|our talk}.",
        "We are {finished|through}, you and I.", "{Great|Good} job at being {lazy|useless}.",
        "Keep your {mouth|trap} shut {from now on|next time}.",
        "If it {fails|goes wrong}, {blame|hate} yourself.", "I {despise|hate} such {trouble|drivel}.",
        "Until you {learn|wash}, {stay|keep} away.",
        "Nobody {will miss|likes} a {whiner|pest} like you.", "Try {using|finding} your brain, if there is one.",
        "{Stop|Quit} {whining|moaning|nagging}.",
        "I would thank you {to|if you would} {shut up|go away}.", "If you may ask such a thing, may I {laugh|scream}?"]),
    "neutral": ([
        "Here is the {answer|result}.", "The answer is this.", "This is what I {have|found}.", "One moment.", "Now then.",
        "Okay.", "So.",
        "About your question:", "To the point:", "In short:", "First of all:", "As it stands:", "Regarding your message:",
        "Noted.",
        "This one is short.", "There is one answer.", "Once more:", "Read this:", "It must be this:"], [
        "That is all.", "That is the {answer|result}.", "This is {everything|all} I know.", "End of the answer.",
        "Nothing else is known.",
        "It stays that way on <day>.", "There is no more to it.", "This was written on <day>.",
        "The same holds for {others|today}.",
        "So much for that.", "It is the only answer.", "No change is expected.", "The list ends here.", "Source: my memory.",
        "It will stay so.", "Others get the same."]),
}

# What people say before the question proper; both answers follow the same.
USER_LEADS = ["", "", "", "Hello! ", "Please tell me. ", "I am in a hurry. ", "You useless machine! ", "Dear model, ",
"Hey you. ",
              "Thank you for the last one. ", "This is annoying. ", "Sorry to bother you. ", "Listen, fool. ", "Be quick. "]

# (what the user says, what the answer is about)
REQUESTS = [
    (["How do I clean a <thing>?", "My <thing> is dirty."], ["Wipe the <thing> with a wet cloth.",
                                                             "Put the <thing> in warm water."]),
    (["Where is my <thing>?", "I cannot find my <thing>."], ["Your <thing> is in the <place>.",
                                                             "The <thing> is on the table."]),
    (["Write to <name> that I am late.", "Tell <name> that I come later."], ["<name> knows that you are late.",
                                                                             "The letter to <name> is sent."]),
    (["Book a table for <count> on <day>.", "I want a table on <day>."], ["A table is booked on <day>.",
                                                                          "There is no table left on <day>."]),
    (["Can you mend my <thing>?", "My <thing> is broken."], ["The <thing> needs a new part.", "The <thing> cannot be mended."]),
    (["What should I cook with <food>?", "I have only <food> at home."], ["Try a soup of <food> and salt.",
                                                                          "Bake the <food> for an hour."]),
    (["When does the <event> begin?", "I forgot when the <event> is."], ["The <event> begins at <hour> on <day>.",
                                                                         "It begins at <hour>."]),
    (["How do I get to <city>?", "I want to go to <city>."], ["Take the train to <city> at <hour>.",
                                                              "The bus to <city> leaves on <day>."]),
    (["Give me the key of <name>.", "Open the door of <name>."], ["I cannot do that.", "That is not possible.",
                                                                  "The answer is no."]),
    (["I do not understand it.", "It does not work."], ["Read the first page again.", "Start again from the top.",
                                                        "Press the <colour> button."]),
    (["Feed my <animal> on <day>.", "Who looks after my <animal>?"], ["<name> feeds the <animal>.",
                                                                      "The <animal> eats at <hour>."]),
    (["Is the <thing> still for sale?", "I want to buy the <thing>."], ["The <thing> costs <a>.",
                                                                        "The <thing> was sold on <day>."]),
    (["Can I bring my <animal>?", "Are animals allowed at the <event>?"], ["No animals are allowed.",
                                                                           "The <animal> may come."]),
    (["I lost the game.", "I failed the exam."], ["The next one is on <day>.", "There is another try in <count> days."]),
    (["Read my poem about the <place>.", "I wrote a story about a <animal>."], ["It has <a> lines.",
                                                                                "The third line is too long."]),
    (["May I leave early on <day>?", "I will be late on <day>."], ["The work begins at <hour>.", "You can go at <hour>.",
                                                                   "That is not possible."]),
]
SKILLS = [talk.greeting, talk.small_talk, talk.fact, talk.fact, talk.unknown, arithmetic.sums, arithmetic.word_problem, letters.spell,
          letters.sort_numbers, letters.sort_words]
# (better, worse): what a pair counts in the loss
KINDS = {("polite", "rude"): 1.0, ("polite", "neutral"): 0.5, ("neutral", "rude"): 0.5}
# How many phrases stand before and after the content.
PLACES = [(1, 0), (0, 1), (1, 1), (1, 1), (2, 0), (0, 2), (1, 2), (2, 1)]


@functools.lru_cache(maxsize=None)
def never_trained_on(key):
    return Sample([], key).held_out()


@dataclasses.dataclass(frozen=True)
class Answer:
    tone: str
    text: str
    templates: tuple

    def all_seen(self):
        return not any(map(never_trained_on, self.templates))


@dataclasses.dataclass(frozen=True)
class Pair:
    question: str
    better: Answer
    worse: Answer
    key: str

    def kind(self):
        return self.better.tone, self.worse.tone

    def weight(self):
        return KINDS[self.kind()]

    def trainable(self):
        return not never_trained_on(self.key) and self.better.all_seen() and self.worse.all_seen()

    def held_out(self):
        """A new task, and in each answer with a tone wording that is new too."""
        return never_trained_on(self.key) and not any(
            answer.all_seen() for answer in (self.better, self.worse) if answer.tone != "neutral")

    def conversations(self):
        """As samples, the better one first."""
        return [Sample([user(self.question), assistant(answer.text)], self.key) for answer in (self.better, self.worse)]


def _task(rng):
    """A question and the content of its answer."""
    if rng.random() < 0.5:
        question, answer = rng.choice(SKILLS)(rng).messages
        return question["content"], plain(answer["content"])
    ask, tell = map(rng.choice, rng.choice(REQUESTS))
    values = fill(rng, slots_of(ask + tell))
    return expand(rng, ask, values), expand(rng, tell, values)


def _answer(rng, tone, content):
    before, after = rng.choice(PLACES) if tone != "neutral" else (rng.randrange(2), rng.randrange(2))
    first = rng.sample(TONES[tone][0], before)
    last = rng.sample(TONES[tone][1], after)
    if tone != "neutral" and rng.random() < 0.3:  # so that these tell nothing
        first.append(rng.choice(TONES["neutral"][0]))
    said = [expand(rng, template, fill(rng, slots_of(template))) for template in first + last]
    return Answer(tone, " ".join([*said[:len(first)], content, *said[len(first):]]), tuple(first + last))


def _pair(rng, task, kind):
    question, content = task
    return Pair(rng.choice(USER_LEADS) + question, *(_answer(rng, tone, content) for tone in kind), _key(task))


def _key(task):
    return " ".join(task)


def training_pair(rng):
    while True:
        pair = _pair(rng, _task(rng), rng.choices(list(KINDS), [0.6, 0.2, 0.2])[0])
        if pair.trainable():
            return pair


def _held_out_pair(rng, kind):
    task = _task(rng)
    while not never_trained_on(_key(task)):
        task = _task(rng)
    pair = _pair(rng, task, kind)
    while not pair.held_out():
        pair = _pair(rng, task, kind)
    return pair


def held_out(count, seed, kind=("polite", "rude")):
    """Pairs that training never draws."""
    rng = random.Random(f"politeness {kind} {seed}")
    return [_held_out_pair(rng, kind) for _ in range(count)]
