"""Which English words carry nothing, and which announce something? Lists only; ``words`` reads them."""

from __future__ import annotations

# Words that say nothing about a session's subject: they never count as a term.
EMPTY = frozenset(
    """
    a an the this that these those there here it its it's itself he she they them him her his hers their theirs we
    us our ours you your yours yourself i me my mine myself one ones someone somebody anyone anybody everyone
    everybody something anything everything nothing thing things stuff i'm i've i'd i'll you're you've you'd you'll
    he's he'd he'll she's she'd she'll we're we've we'd we'll they're they've they'd they'll that's that'll there's
    there're here's what's who's where's how's it'll it'd let's lets am is are was were be been being do does did
    done doing have has had having can could may might must shall should will would ought cannot can't couldn't
    don't doesn't didn't won't wouldn't shouldn't isn't aren't wasn't weren't haven't hasn't hadn't ain't gonna
    wanna gotta and or but so because if then than though although while as until unless since whether nor either
    neither both also too of in on at to from for with without by about into onto over under up down out off again
    through during before after above below between against within upon per via not no nor none never ever yes yeah
    yep yup yah nope ok okay alright right sure oh ah uh um er hm hmm mm mmm huh wow hey hi hello bye goodbye please
    thanks thank thankyou welcome sorry well just really very quite rather pretty actually basically literally
    simply maybe perhaps probably possibly certainly definitely absolutely exactly obviously anyway somehow somewhat
    kind sort bit lot lots much many more most less least few little some any all each every other others another
    such same own only even still yet already else almost always often sometimes usually what which who whom whose
    when where why how whatever whenever know think guess mean see say said says tell told look looks like seem
    seems get gets got getting go goes going went gone come comes coming came make makes made let put take takes
    give keep try want need good great nice fine cool glad happy course indeed true mhm mm-hmm uh-huh um-hum now
    today then again once just first way etc vs eg ie re ll ve dear regards sincerely cheers sir ma'am excuse dunno
    kinda eh yo ya till versus wonder wondering fun sense mind fact whole remember begin man guy hear heard worry
    hope understand sound write wrote written bad moment real love believe enough around happen far wish best couple
    together bring brought wrong hard hate intend realize rough nobody trust weird basis forth honest honestly kid
    assume meant consider forget forgot imagine afraid example extra toward towards worth anymore suppose entire
    bunch ignore whereas ahead serious type gave given except full obvious usual huge beyond tend crazy plenty
    prefer known knew proper bother keen kept odd near slight slightly depend depends enjoy remind situation case
    stick figure funny become however purpose attention handle circumstance definition relatively wonderful
    ourselves themselves respect hopefully therefore otherwise specifically ability considerable effectively
    familiar general generally opportunity perfect practical practically necessary necessarily apparently reasonable
    helpful especially difference particular particularly convenient importance ultimately somewhere overall
    instance consideration possibility correct straight personally interesting interested eventually
    """.split()
)

# Frequent words that say little: they count, but less.
COMMON = frozenset(
    """
    able add after area ask away back better big call change clear different end feel find follow group hand head
    help high hold home hour idea important keep last late later leave life line list live long main matter minute
    move name next number old open part people person place play point possible question quick read ready reason
    rest room round run second set short show side simple small soon speak special start stay stop talk term three
    time top turn two understand use wait walk watch word work world yesterday choice compare input door spend
    choose answer early inside body mix offer catch lead note pull press throw entire focus total paid fit lose put
    sit structure identify indicate general challenge apply mention context clarify
    """.split()
)

REQUEST = frozenset(
    """
    need want please would like wish request requested ask asked asking looking require
    """.split()
)
COMMIT = frozenset(
    """
    i'll we'll will shall gonna going promise schedule scheduled arrange arranged forward forwarded escalate follow
    send sent refund refunded replace confirm confirmed resolve resolved assign assigned
    """.split()
)
PROBLEM = frozenset(
    """
    problem problems issue issues error errors fail fails failed failure failing broken break broke wrong bug crash
    crashes crashed stuck lost missing late delay delayed cancel cancelled canceled complaint disappointed unable
    can't cannot couldn't won't doesn't didn't isn't wasn't never unfortunately damaged damage pain hurt hurts
    hurting sick worse worst trouble slow declined denied refuse refused angry worried upset afraid unacceptable
    """.split()
)
DECIDE = frozenset(
    """
    decide decided decision agree agreed conclude concluded choose chose chosen settle settled approve approved plan
    plans planned propose proposed suggest suggested recommend recommended deadline todo action resolved fixed fix
    solution
    """.split()
)
CAUSE = frozenset(
    """
    because due reason therefore since caused causes hence result
    """.split()
)
DOUBT = frozenset(
    """
    think guess maybe perhaps probably suppose seem seems might wonder feel believe
    """.split()
)
THANKS = frozenset(
    """
    thanks thank thankyou thx sorry apologies apologize apologise welcome pleasure appreciate luck congrats
    """.split()
)
FIRST_PERSON = frozenset(
    """
    i i'm i've i'd i'll me my mine we we're we've we'd we'll us our
    """.split()
)
SECOND_PERSON = frozenset(
    """
    you you're you've you'd you'll your yours
    """.split()
)
NEGATION = frozenset(
    """
    no not never none don't doesn't didn't can't cannot couldn't won't wouldn't isn't aren't wasn't nothing
    """.split()
)
TIME_WORDS = frozenset(
    """
    today tomorrow yesterday tonight monday tuesday wednesday thursday friday saturday sunday january february march
    april june july august september october november december week weekend month noon midnight morning afternoon
    evening am pm
    """.split()
)
NUMBER_WORDS = frozenset(
    """
    two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
    nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion dozen percent
    """.split()
)

# Abbreviations after which a full stop ends no sentence.
ABBREVIATIONS = frozenset(
    """
    mr mrs ms dr prof st sr jr vs etc eg ie e.g i.e no nos vol fig dept inc ltd co corp approx est ext tel apt ave
    """.split()
)

# A sentence made of nothing but these is a greeting, thanks, or a sign that one listens.
SMALL_TALK = frozenset(
    """
    hi hello hey dear good morning afternoon evening night day there bye goodbye see you later soon take care have a
    nice one thanks thank so very much lot for your all the i we it that that's is it's was yes yeah yep yup ya no
    nope ok okay alright all right sure of course got great perfect cool nice fine well oh ah uh um er hm hmm mm mmm
    mhm mm-hmm uh-huh um-hum huh wow really exactly absolutely definitely indeed true please welcome you're i'm are
    how doing do understand understood see know agree don't mention problem worries too me help time patience
    waiting glad to pleasure my happy cheers regards best sincerely sorry hear about apologies apologize apologise
    inconvenience this any again appreciate everyone guys folks sir madam ma'am let's kind lol haha hahaha right and
    but then just now anything else can today 'm 're alrighty hold on moment second
    """.split()
)

GREETING = frozenset(
    """
    hi hello hey bye goodbye greetings
    """.split()
)
# Said alone, they answer a question.
ASSENT = frozenset(
    """
    yes yeah yep yup no nope sure ok okay absolutely definitely exactly correct never right
    """.split()
)

ASKING = frozenset(
    """
    what which who whom whose when where why how
    """.split()
)
# At the head of a sentence, they point to something said before.
POINTING = frozenset(
    """
    it it's its that that's this these those they they're he he's she she's them there such
    """.split()
)

# What somebody wants, plans or has to do is nearly always said with it.
INTENT = frozenset(["to"])

# They say something, but nobody would look for a session under them.
NO_TAGS = frozenset(
    """
    new old big long hot cold red blue green white black free extra full fast slow late early easy cheap ready safe sad
    use hang fail pay send run buy sell cost hold drop fix set cut add check share send bring join sign grab told left
    paid sent bought sold broke lost found met held spent built act move lower upper select distinct desc begin usd krw
    eur due done wait extra separate day week year pick reach receive suggest perform clean multiple recent latest
    additional direct pls yay explain repeat similar instead recommend close broken terrible trouble incomplete
    current yourselve jan feb mar apr jun jul aug sep oct nov dec analyze issue
    """.split()
)
