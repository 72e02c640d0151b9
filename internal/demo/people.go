package demo

import (
	_ "embed" // for what is said
	"slices"
	"strings"
)

// Password is everybody's. With it and Mona's address, the playground's tab LogIn is
// filled in.
const Password = "nine blue feluccas"

// person is somebody with what they register with.
type person struct{ name, email, phone string }

// cast is everybody, by what the scripts call them.
var cast = map[string]person{
	"mona":    {"منى حسن", "mona@example.com", "+20 100 400 1201"},
	"hassan":  {"حسن فؤاد", "hassan@example.com", "+20 100 400 1202"},
	"yasmin":  {"ياسمين شريف", "yasmin@example.com", "+20 111 400 1203"},
	"sayed":   {"سيد عبد الرحمن", "sayed@example.com", "+20 122 400 1204"},
	"hala":    {"د. هالة رمزي", "hala@example.com", "+20 100 400 1205"},
	"tarek":   {"طارق العدوي", "tarek@example.com", "+20 155 400 1206"},
	"nadia":   {"Nadia Iskander", "nadia@example.com", "+20 122 400 1207"},
	"youssef": {"يوسف كمال", "youssef@example.com", "+20 111 400 1208"},
	"karim":   {"Karim Nabil", "karim@example.com", "+20 100 400 1209"},
	"sarah":   {"Sarah Whitfield", "sarah@example.com", "+20 100 400 1210"},
	"omar":    {"Omar El-Sayed", "omar@example.com", "+20 122 400 1211"},
	"james":   {"James Okafor", "james@example.com", "+20 111 400 1212"},
	"layla":   {"ليلى حداد", "layla@example.com", "+20 155 400 1213"},
	"mostafa": {"مصطفى جابر", "mostafa@example.com", "+20 100 400 1214"},
	"emma":    {"Emma Clarke", "emma@example.com", "+20 122 400 1215"},
	"peter":   {"Peter Novak", "peter@example.com", "+20 111 400 1216"},
}

// plan is a building as it will be.
type plan struct {
	name, address string
	// floors are the apartments' numbers from the ground floor up.
	floors []string
	// managers are those who manage it; the first opens it.
	managers []string
	// homes say who lives where from the start.
	homes map[string]string
	// week is what happened in the past days, and talk what residents say from now on.
	week, talk string
}

// residents are those who live there, in an order that stays.
func (p plan) residents() []string {
	var names []string
	for name := range p.homes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// numbers gives the apartments of a floor.
func numbers(floor string) []string { return strings.Fields(floor) }

var (
	//go:embed nakheel-week.txt
	nakheelWeek string
	//go:embed nakheel-talk.txt
	nakheelTalk string
	//go:embed acacia-week.txt
	acaciaWeek string
	//go:embed acacia-talk.txt
	acaciaTalk string
)

var nakheel = plan{
	name:     "عمارة النخيل",
	address:  "٢٢ شارع النخيل، المنيل، القاهرة",
	floors:   []string{"١", "٢ ٣ ٤", "٥ ٦", "٧ ٨ ٩", "١٠ ١١ ١٢", "١٣ ١٤ ١٥"},
	managers: []string{"mona", "hassan"},
	homes: map[string]string{
		"sayed": "١", "hassan": "٣", "hala": "٥", "yasmin": "٧", "karim": "٩", "nadia": "١٠", "mona": "١٢", "tarek": "١٤",
	},
	week: nakheelWeek,
	talk: nakheelTalk,
}

var acacia = plan{
	name:     "Acacia Court",
	address:  "9 Road 233, Degla, Maadi, Cairo",
	floors:   []string{"Shop", "1A 1B", "2A 2B", "3A 3B", "4A 4B", "5A 5B", "6A 6B"},
	managers: []string{"sarah", "omar"},
	homes: map[string]string{
		"layla": "1A", "sarah": "2A", "peter": "3A", "james": "3B", "emma": "4A", "karim": "4B", "omar": "5A", "mostafa": "6B",
	},
	week: acaciaWeek,
	talk: acaciaTalk,
}
