"""Which words do the synthetic sessions consist of? All of it was written for this generator.

Korean nouns come in the order of how often they are drawn, English ones in the same order beside them: both languages
then have the same shape, and a word's rank says its rate (``generate.py`` explains).
"""

# ruff: noqa: E501

from __future__ import annotations

# (Korean, English) of things that people talk about, most frequent first.
NOUNS = [
    ("주문", "order"), ("결제", "payment"), ("배송", "delivery"), ("계정", "account"), ("일정", "schedule"),
    ("비밀번호", "password"), ("회의", "meeting"), ("문서", "document"), ("상품", "product"), ("쿠폰", "coupon"),
    ("예약", "booking"), ("서버", "server"), ("보고서", "report"), ("고객", "customer"), ("앱", "app"),
    ("영수증", "receipt"), ("파일", "file"), ("이메일", "email"), ("데이터", "dataset"), ("화면", "screen"),
    ("포인트", "points"), ("멤버십", "membership"), ("주소", "address"), ("카드", "card"), ("계약서", "contract"),
    ("견적", "quote"), ("디자인", "design"), ("배포", "deployment"), ("테스트", "test"), ("로그", "log"),
    ("데이터베이스", "database"), ("백업", "backup"), ("알림", "notification"), ("링크", "link"), ("프로필", "profile"),
    ("구독", "subscription"), ("요금", "charge"), ("할인", "discount"), ("재고", "stock"), ("창고", "warehouse"),
    ("택배", "parcel"), ("사이즈", "size"), ("색상", "colour"), ("교환", "exchange"), ("수리", "repair"),
    ("보증", "warranty"), ("설명서", "manual"), ("부품", "spare part"), ("배터리", "battery"), ("충전기", "charger"),
    ("노트북", "laptop"), ("모니터", "monitor"), ("키보드", "keyboard"), ("프린터", "printer"), ("마이크", "microphone"),
    ("카메라", "camera"), ("이어폰", "earphones"), ("냉장고", "fridge"), ("세탁기", "washing machine"), ("에어컨", "air conditioner"),
    ("청소기", "vacuum cleaner"), ("의자", "chair"), ("책상", "desk"), ("침대", "bed"), ("커튼", "curtain"),
    ("여행", "trip"), ("항공권", "flight"), ("호텔", "hotel"), ("여권", "passport"), ("비자", "visa"),
    ("공항", "airport"), ("기차표", "train ticket"), ("지도", "map"), ("숙소", "apartment"), ("렌터카", "rental car"),
    ("요리", "recipe"), ("재료", "ingredient"), ("식당", "restaurant"), ("메뉴", "menu"), ("커피", "coffee"),
    ("운동", "workout"), ("병원", "clinic"), ("진료", "appointment"), ("약", "medicine"), ("보험", "insurance"),
    ("세금", "tax"), ("월급", "salary"), ("연차", "leave"), ("채용", "hiring"), ("면접", "interview"),
    ("이력서", "résumé"), ("교육", "training"), ("강의", "lecture"), ("과제", "assignment"), ("시험", "exam"),
    ("논문", "paper"), ("번역", "translation"), ("문법", "grammar"), ("발음", "pronunciation"), ("사전", "dictionary"),
    ("함수", "function"), ("변수", "variable"), ("오류", "error"), ("라이브러리", "library"), ("브라우저", "browser"),
    ("쿼리", "query"), ("인덱스", "index"), ("캐시", "cache"), ("토큰", "token"), ("인증서", "certificate"),
    ("네트워크", "network"), ("방화벽", "firewall"), ("라우터", "router"), ("트래픽", "traffic"), ("대시보드", "dashboard"),
    ("지표", "metric"), ("설문", "survey"), ("광고", "campaign"), ("블로그", "blog"), ("영상", "video"),
    ("자막", "subtitle"), ("음악", "music"), ("그림", "picture"), ("전시", "exhibition"), ("공연", "concert"),
    ("축제", "festival"), ("정원", "garden"), ("화분", "flowerpot"), ("강아지", "puppy"), ("고양이", "cat"),
    ("사료", "pet food"), ("자전거", "bicycle"), ("타이어", "tyre"), ("엔진", "engine"), ("주차", "parking"),
    ("이사", "relocation"), ("월세", "rent"), ("관리비", "maintenance fee"), ("보증금", "deposit"), ("도배", "wallpaper"),
    ("전등", "lamp"), ("수도", "water pipe"), ("난방", "heating"), ("창문", "window"), ("열쇠", "key"),
    ("등산", "hiking"), ("캠핑", "camping"), ("낚시", "fishing"), ("수영", "swimming"), ("마라톤", "marathon"),
    ("체스", "chess"), ("퍼즐", "puzzle"), ("소설", "novel"), ("시집", "poetry"), ("역사", "history"),
    ("화학", "chemistry"), ("물리", "physics"), ("통계", "statistics"), ("확률", "probability"), ("행렬", "matrix"),
    ("위성", "satellite"), ("망원경", "telescope"), ("현미경", "microscope"), ("화석", "fossil"), ("빙하", "glacier"),
]  # fmt: skip

# Rates per session, the same in every language; ``generate.py`` plants them in the request, so that summaries hold them.
PROBES = {"common": ("주문", "order"), "half a percent": ("환불", "refund"), "rare": ("양피지", "parchment")}
REFUND_KO = ["환불", "환불", "전액환불", "환불요청", "부분환불"]
ABSENT = ("청룡열차표", "xylograph")

# Names of things that nobody else talks about, for the long tail: three of these each, the first ones most often.
SYLLABLES_KO = "라벨토누미사오하진도레비카나주엘모타시온가유로지베디마솔리에파담호채구"
SYLLABLES_EN = [
    "ve",
    "lo",
    "ran",
    "ti",
    "ka",
    "mor",
    "des",
    "nu",
    "pel",
    "xi",
    "ba",
    "gri",
    "sol",
    "em",
    "ta",
    "wu",
    "zen",
    "or",
    "hy",
    "cu",
    "fa",
    "jin",
    "qua",
    "len",
    "bri",
]

PEOPLE_KO = [
    "지우",
    "서연",
    "민준",
    "하늘",
    "도윤",
    "수아",
    "예준",
    "하린",
    "시우",
    "다은",
    "건우",
    "채원",
    "유진",
    "태오",
]
PEOPLE_EN = [
    "Alice",
    "Bruno",
    "Carmen",
    "Deepa",
    "Elif",
    "Farid",
    "Greta",
    "Hugo",
    "Imani",
    "Jonas",
    "Kaya",
    "Liam",
    "Mina",
]

# {a}, {b}: nouns of the session's subject; {c}: any noun; {n}: a number; {code}: an order or ticket number; {who}: a person.
# After a slot, "을/를" and its like are resolved to the form that the word asks for.
REQUEST_KO = [
    "안녕하세요. 지난주에 신청한 {a} 때문에 문의드려요. {b}이/가 {n}일째 그대로인데 확인해 주실 수 있나요?",
    "{a}을/를 바꾸고 싶은데 {b} 화면에서 자꾸 오류가 나요. 번호는 {code}이에요.",
    "{a} 관련해서 질문 있습니다. {b}은/는 언제까지 가능한가요? {c}도 같이 처리되면 좋겠어요.",
    "{a}와/과 {b}의 차이를 쉽게 설명해 줄래? 예시는 {c}(으)로 들어 줘.",
    "{n}일까지 {a}을/를 끝내야 하는데 {b}부터 손대는 게 맞을지 모르겠어요. 순서를 정리해 주세요.",
]
REQUEST_EN = [
    "Hello, I am writing about the {a} I asked for last week. The {b} has not moved for {n} days, could you check it?",
    "I want to change my {a}, but the {b} page keeps failing with an error. My reference is {code}.",
    "I have a question about the {a}. Until when can the {b} be changed, and does that include the {c}?",
    "Can you explain the difference between a {a} and a {b} in plain words? Use a {c} as the example.",
    "The {a} is due in {n} days and I am not sure whether to begin with the {b}. Please sort the steps for me.",
]
USER_KO = [
    "네, {a} 번호는 {code}이고 {b}은/는 이미 보냈습니다.",
    "아 그렇군요. 그러면 {b}은/는 제가 따로 신청해야 하나요?",
    "{c} 쪽도 확인했는데 {n}건이 빠져 있더라고요. 이것도 같이 봐 주세요.",
    "급한 건 {a}이고 {b}은/는 다음 주에 해도 괜찮아요.",
    "설명은 이해했어요. {c}의 경우에는 어떻게 달라지는지도 알려 주세요.",
    "방금 다시 해 봤는데 {b}에서 멈춰요. 화면에는 {n}번 오류라고 나옵니다.",
    "그럼 {a}은/는 {n}월 안에 마무리되는 걸로 이해하면 될까요?",
]
USER_EN = [
    "Yes, the number of the {a} is {code}, and I have sent the {b} already.",
    "I see. Do I have to apply for the {b} separately then?",
    "I looked at the {c} as well and {n} entries are missing there, please look at those too.",
    "The {a} is the urgent one, the {b} can wait until next week.",
    "That makes sense. How does it change in the case of a {c}?",
    "I just tried once more and it stops at the {b}. The screen says error {n}.",
    "So I understand that the {a} will be finished within {n} days, is that right?",
]
ASSISTANT_KO = [
    "확인해 보니 {a}은/는 정상적으로 접수되었고, {b} 단계에서 {n}일 정도 지연되고 있습니다. 담당 부서에 우선 처리를 요청해 두었습니다.",
    "불편을 드려 죄송합니다. {b} 설정을 초기화한 뒤 {a}을/를 다시 시도해 주세요. 그래도 안 되면 {c} 기록을 보내 주시면 살펴보겠습니다.",
    "먼저 {a}을/를 정리하고, 그다음 {b}을/를 점검한 뒤, 마지막으로 {c}을/를 공유하는 순서를 추천합니다.",
    "{a}은/는 전체를 관리하는 쪽이고 {b}은/는 개별 항목을 다루는 쪽입니다. {c}을/를 떠올리면 이해하기 쉽습니다.",
    "접수번호 {code}(으)로 등록했습니다. 결과는 {n}시간 안에 문자로 안내해 드리겠습니다.",
    "네, 맞습니다. {c}은/는 별도 신청 없이 함께 처리되며 추가 비용은 없습니다.",
]
ASSISTANT_EN = [
    "I checked it: your {a} was registered normally and is held up by about {n} days at the {b} step. I have asked for priority.",
    "Sorry for the trouble. Please reset the {b} and try the {a} again; if it still fails, send us the {c} and we will look into it.",
    "I suggest to tidy up the {a} first, then check the {b}, and share the {c} at the very end.",
    "A {a} looks after the whole while a {b} deals with single items. Think of a {c} and it becomes easy to remember.",
    "It is registered under {code}. You will have the result by text message within {n} hours.",
    "Yes, that is right. The {c} is handled together with it, without a separate request and at no extra cost.",
]
MEETING_KO = [
    "{a} 진행 상황부터 공유할게요. {b}은/는 끝났고 {c}만 남았습니다.",
    "{who} 님이 {a}을/를 {n}일까지 맡아 주시기로 했어요.",
    "저는 {b}보다 {a}을/를 먼저 하는 게 낫다고 봅니다. 이유는 {c} 때문이에요.",
    "그럼 {a}은/는 이번 주에 확정하고 {b}은/는 다음 회의에서 다시 이야기하죠.",
    "{c} 비용이 {n}만 원 넘게 늘었어요. 대안을 찾아야 합니다.",
    "동의합니다. {b} 초안은 제가 오늘 중으로 올릴게요.",
]
MEETING_EN = [
    "Let me start with the {a}: the {b} is done and only the {c} is left.",
    "{who} agreed to take the {a} until the {n}th.",
    "I would rather do the {a} before the {b}, mostly because of the {c}.",
    "Then we settle the {a} this week and talk about the {b} again in the next meeting.",
    "The cost of the {c} went up by more than {n} percent, we need an alternative.",
    "Agreed. I will upload a draft of the {b} today.",
]
GREETING_KO = ["안녕하세요!", "네, 무엇을 도와드릴까요?", "감사합니다 ㅎㅎ", "네 알겠습니다. 좋은 하루 보내세요!"]
GREETING_EN = ["Hi there!", "Hello, how can I help you today?", "Thanks a lot!", "You are welcome, have a nice day."]

REQUEST = {"ko": REQUEST_KO, "en": REQUEST_EN}
GREETING = {"ko": GREETING_KO, "en": GREETING_EN}
SAID = {
    "user": {"ko": USER_KO, "en": USER_EN},
    "assistant": {"ko": ASSISTANT_KO, "en": ASSISTANT_EN},
    "meeting": {"ko": MEETING_KO, "en": MEETING_EN},
}
