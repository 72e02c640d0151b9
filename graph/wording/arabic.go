package wording

import (
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/message/catalog"
)

// arabic has what is told in English, as the code has it, and the same in Arabic: short,
// polite, to a woman as to a man, and without a word of what was sent. Where a number is
// counted, counted gives the noun its six forms.
var arabic = map[string]catalog.Message{
	// Whatever is asked.
	"A fault of the server.":                    is("حدث خطأ في الخادم."),
	"It does not exist.":                        is("غير موجود."),
	"It is taken.":                              is("مستخدَم من قبل."),
	"Log in first.":                             is("يُرجى تسجيل الدخول أولًا."),
	"The operation took too long.":              is("استغرقت العملية وقتًا أطول من اللازم."),
	"The service cannot answer now; try again.": is("الخدمة غير متاحة الآن، يُرجى المحاولة مرة أخرى."),
	"Too many connections are open; close some, or come back later.":                    is("عدد الاتصالات المفتوحة كبير جدًا، يُرجى إغلاق بعضها أو المحاولة لاحقًا."),
	"Too many attempts; wait before the next.":                                          is("محاولات كثيرة جدًا، يُرجى الانتظار قبل المحاولة التالية."),
	"You are the only manager of a building; make somebody else a manager of it first.": is("أنت المدير الوحيد لأحد المباني، يُرجى تعيين مدير آخر له أولًا."),
	"You may not do that.":                            is("ليست لديك صلاحية للقيام بذلك."),
	"A page has %d entries at most.":                  counted("لا تتسع الصفحة لأكثر من ", entries),
	"A page has 1 entry or more.":                     is("يجب أن تضم الصفحة عنصرًا واحدًا على الأقل."),
	"A page has the first messages or the last ones.": is("تضم الصفحة الرسائل الأولى أو الأخيرة، لا كلتيهما."),
	"It is no cursor of this server's.":               is("علامة الصفحة غير صحيحة."),

	// What is too large to be run.
	"Too much was asked for in a short time; wait before the next.":            is("طلبات كثيرة جدًا في وقت قصير، يُرجى الانتظار قبل الطلب التالي."),
	"The operation repeats too many fields.":                                   is("يكرر هذا الإجراء حقولًا كثيرة جدًا."),
	"The document is too large: it has too many tokens or is nested too deep.": is("الطلب أكبر من المسموح به."),
	"The document is too large: its fields overlap too much.":                  is("الطلب أكبر من المسموح به."),
	"The operation asks for too much at once; ask for smaller pages.":          is("يطلب هذا الإجراء الكثير دفعة واحدة، يُرجى طلب صفحات أصغر."),
	"The operation has too many aliases.":                                      is("الطلب أكبر من المسموح به."),
	"The operation nests too deep.":                                            is("الطلب أكبر من المسموح به."),
	"The request is too large.":                                                is("الطلب أكبر من المسموح به."),

	// What stays open.
	"A socket may have 50 subscriptions.":                     is("لا يُسمح بأكثر من ٥٠ اشتراكًا في الاتصال الواحد."),
	"Nothing was taken for too long; come back for the rest.": is("الاتصال بطيء جدًا، يُرجى إعادة الاتصال لاستلام الباقي."),
	"The server is about to stop; come back in a moment.":     is("الخادم على وشك التوقف، يُرجى المحاولة بعد لحظات."),
	"The session has ended.":                                  is("انتهت الجلسة."),
	"A position is 0 or more.":                                is("يجب ألا يقل الموضع عن صفر."),
	"The position is not of this log; read the room anew.":    is("تغيّر سجل الغرفة، يُرجى تحميلها من جديد."),
	"A room is named once.":                                   is("يجب ألا تتكرر الغرفة."),
	"At most %d rooms.":                                       counted("لا يُسمح بأكثر من ", rooms),

	// What is typed.
	"It must not be empty.":                              is("هذا الحقل مطلوب."),
	"It cannot be empty.":                                is("لا يمكن ترك هذا الحقل فارغًا."),
	"It has more than %d characters.":                    counted("لا يُسمح هنا بأكثر من ", characters),
	"It has no visible character.":                       is("لا يوجد في هذا الحقل أي حرف ظاهر."),
	"It has characters that a line of text cannot have.": is("يحتوي هذا الحقل على رموز غير مسموح بها."),
	"It has characters that a text cannot have.":         is("يحتوي النص على رموز غير مسموح بها."),
	"It has characters that a key cannot have.":          is("يحتوي المفتاح على رموز غير مسموح بها."),
	"It has characters that a password cannot have.":     is("تحتوي كلمة المرور على رموز غير مسموح بها."),
	"It is no BCP 47 language tag.":                      is("رمز اللغة غير صحيح."),
	"It is no valid e-mail address.":                     is("عنوان البريد الإلكتروني غير صحيح."),
	"It is no valid phone number.":                       is("رقم الهاتف غير صحيح."),
	"A latitude goes from -90 to 90 degrees.":            is("يجب أن يكون خط العرض بين ٩٠ درجة جنوبًا و٩٠ درجة شمالًا."),
	"A longitude goes from -180 to 180 degrees.":         is("يجب أن يكون خط الطول بين ١٨٠ درجة غربًا و١٨٠ درجة شرقًا."),
	"A floor goes from -%d to %d.":                       is("يجب ألا يزيد رقم الطابق على %[1]d فوق الأرض أو تحتها."),
	"From 1 to %d.":                                      is("العدد المسموح به من ١ إلى %d."),
	"It has passed.":                                     is("هذا الوقت قد مضى."),
	"Exactly one of seq and at is given.":                is("يُرجى تحديد الرقم أو الوقت، أحدهما فقط."),

	// Accounts and sessions.
	"A password has at least %d characters.":                        counted("يجب ألا تقل كلمة المرور عن ", characters),
	"It has fewer than %d characters.":                              counted("يجب ألا تقل كلمة المرور عن ", characters),
	"It is among the passwords that are guessed first.":             is("كلمة المرور هذه سهلة التخمين، يُرجى اختيار غيرها."),
	"The two passwords differ.":                                     is("كلمتا المرور غير متطابقتين."),
	"The password was changed meanwhile.":                           is("تغيّرت كلمة المرور في هذه الأثناء."),
	"An account has this e-mail address.":                           is("يوجد حساب بعنوان البريد الإلكتروني هذا."),
	"An account has this phone number.":                             is("يوجد حساب برقم الهاتف هذا."),
	"Others registered the same at that moment; try again.":         is("سُجّلت البيانات نفسها في اللحظة ذاتها، يُرجى المحاولة مرة أخرى."),
	"Unknown login or wrong password.":                              is("بيانات الدخول أو كلمة المرور غير صحيحة."),
	"Too many people are logging in at once; try again.":            is("يسجّل كثيرون الدخول الآن، يُرجى المحاولة مرة أخرى."),
	"There is no such session.":                                     is("هذه الجلسة غير موجودة."),
	"The account has none.":                                         is("لا يوجد ذلك في حسابك."),
	"One of the two is given, an e-mail address or a phone number.": is("يُرجى إدخال عنوان البريد الإلكتروني أو رقم الهاتف، أحدهما فقط."),

	// Buildings and memberships.
	"The building has an apartment of this number.":    is("توجد في المبنى شقة بهذا الرقم."),
	"Somebody lives there.":                            is("لا تزال هذه الشقة مسكونة."),
	"At most %d apartments are added at once.":         counted("لا يمكن أن يُضاف دفعة واحدة أكثر من ", apartments),
	"At most %d apartments.":                           counted("لا يُسمح بأكثر من ", apartments),
	"The code is unknown, used up or too old.":         is("الرمز غير معروف أو مستنفَد أو منتهي الصلاحية."),
	"The membership has ended.":                        is("انتهت هذه العضوية."),
	"The person is no active member.":                  is("هذا الشخص ليس عضوًا نشطًا."),
	"The person is banned.":                            is("هذا الشخص محظور."),
	"Ask the operator of this service for a building.": is("يُرجى طلب إضافة المبنى من مشغّل الخدمة."),
	"The building would have no manager.":              is("لا بد أن يبقى للمبنى مدير واحد على الأقل."),
	"A mute ends within a year from now.":              is("يجب أن ينتهي الكتم خلال سنة من الآن."),
	"A slow mode has 0 to 21,600 seconds.":             is("مدة الوضع البطيء من صفر إلى ست ساعات."),
	"It is yourself.":                                  is("هذا حسابك أنت."),
	"The message is your own.":                         is("هذه رسالتك أنت."),
	"The message is not of this building.":             is("الرسالة ليست من هذا المبنى."),
	"The two of you do not share this building.":       is("هذا المبنى ليس مشتركًا بينكما."),
	"Say whose managers should look.":                  is("يُرجى تحديد المبنى الذي يراجع مديروه البلاغ."),

	// Messages.
	"The key was used for another message.":              is("استُخدم هذا المفتاح لرسالة أخرى."),
	"Who is mentioned is not in the room.":               is("الشخص المشار إليه ليس في هذه الغرفة."),
	"Notices are posted in a building's own rooms.":      is("تُنشر الإشعارات في غرف المبنى نفسه فقط."),
	"Only in a building's own rooms do apartments vote.": is("التصويت باسم الشقق متاح في غرف المبنى نفسه فقط."),
	"A poll has %d options at most.":                     counted("لا يتسع الاستطلاع لأكثر من ", options),
	"A poll has %d options or more.":                     counted("يجب ألا تقل خيارات الاستطلاع عن ", options),
	"A message has at most %d attachments.":              counted("لا يُسمح في الرسالة بأكثر من ", attachments),
	"The file is too large.":                             is("الملف أكبر من المسموح به."),
	"The image cannot be read.":                          is("تعذّرت قراءة الصورة."),
	"The image has too many pixels.":                     is("أبعاد الصورة أكبر من المسموح به."),
	"Images are taken as JPEG, PNG, GIF or WebP.":        is("لا يمكن حفظ هذا النوع من الصور."),
	"It is named twice.":                                 is("يجب ألا يتكرر."),
	"It is no image.":                                    is("هذا الملف ليس صورة."),
	"At most %d mentions.":                               counted("لا يُسمح بأكثر من ", mentions),
	"A mention begins with a character of the text.":     is("يجب أن تبدأ الإشارة بحرف من النص."),
	"A mention ends with a character of the text.":       is("يجب أن تنتهي الإشارة بحرف من النص."),
	"The text is another one by now.":                    is("تغيّر النص، يُرجى قراءته من جديد."),
	"The message was deleted.":                           is("حُذفت هذه الرسالة."),
	"A room has %d pinned messages at most.":             counted("لا يُسمح في الغرفة الواحدة بتثبيت أكثر من ", pinned),
	"A message has %d different reactions at most.":      counted("لا تتسع الرسالة لأكثر من ", different),
	"Two mentions overlap.":                              is("تتداخل إشارتان في النص."),
	"It is not one emoji.":                               is("يُرجى اختيار رمز تعبيري واحد."),
	"It has more than %d words.":                         counted("لا يُسمح هنا بأكثر من ", words),
	"It has no word to look for.":                        is("لا توجد كلمة للبحث عنها."),
	"A direct room is of two people.":                    is("المحادثة المباشرة تكون بين شخصين."),
	"At most %d people.":                                 counted("لا يُسمح بأكثر من ", persons),
	"Two options are the same.":                          is("يتكرر أحد الخيارات."),
	"It is not to come.":                                 is("يجب أن يكون هذا الوقت في المستقبل."),
	"At most %d options are named at once.":              counted("لا يمكن أن يُختار دفعة واحدة أكثر من ", options),
	"One option is chosen.":                              is("يُرجى اختيار خيار واحد فقط."),
	"The message has no poll.":                           is("لا يوجد استطلاع في هذه الرسالة."),
	"The poll has ended.":                                is("انتهى هذا الاستطلاع."),
	"In this poll people vote, not apartments.":          is("التصويت في هذا الاستطلاع باسم الأشخاص، لا باسم الشقق."),
	"You have several apartments; say which one votes.":  is("لديك أكثر من شقة، يُرجى تحديد الشقة التي يُحسب لها الصوت."),
	"The message asks nobody to confirm it.":             is("لا تتطلب هذه الرسالة تأكيد القراءة."),
}

// noun is what one counts, after a preposition: 1, 2, from 3 to 10, from 11 to 99, and
// the hundreds (CLDR's one, two, few, many and other). %d is the number.
type noun struct{ one, two, few, many, other string }

var (
	apartments  = noun{"شقة واحدة", "شقتين", "%d شقق", "%d شقة", "%d شقة"}
	characters  = noun{"حرف واحد", "حرفين", "%d أحرف", "%d حرفًا", "%d حرف"}
	entries     = noun{"عنصر واحد", "عنصرين", "%d عناصر", "%d عنصرًا", "%d عنصر"}
	options     = noun{"خيار واحد", "خيارين", "%d خيارات", "%d خيارًا", "%d خيار"}
	pinned      = noun{"رسالة واحدة", "رسالتين", "%d رسائل", "%d رسالة", "%d رسالة"}
	different   = noun{"تفاعل واحد مختلف", "تفاعلين مختلفين", "%d تفاعلات مختلفة", "%d تفاعلًا مختلفًا", "%d تفاعل مختلف"}
	mentions    = noun{"إشارة واحدة", "إشارتين", "%d إشارات", "%d إشارة", "%d إشارة"}
	persons     = noun{"شخص واحد", "شخصين", "%d أشخاص", "%d شخصًا", "%d شخص"}
	words       = noun{"كلمة واحدة", "كلمتين", "%d كلمات", "%d كلمة", "%d كلمة"}
	attachments = noun{"مرفق واحد", "مرفقين", "%d مرفقات", "%d مرفقًا", "%d مرفق"}
	rooms       = noun{"غرفة واحدة", "غرفتين", "%d غرف", "%d غرفة", "%d غرفة"}
)

// is gives a sentence that has no number, or one that changes nothing.
func is(sentence string) catalog.Message { return catalog.String(sentence) }

// counted gives a sentence that ends with so many of a noun, by the format's first
// argument.
func counted(before string, n noun) catalog.Message {
	around := func(s string) string { return before + s + "." }
	return plural.Selectf(1, "%d",
		plural.One, around(n.one), plural.Two, around(n.two), plural.Few, around(n.few),
		plural.Many, around(n.many), plural.Other, around(n.other))
}
