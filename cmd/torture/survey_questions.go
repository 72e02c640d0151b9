package main

import (
	"context"
	"slices"
	"strings"
)

// mostQuestions is of how many polls, and how many notices, of a room it is read in the end
// who has voted and confirmed.
const mostQuestions = 40

// surveyQuestions reads of the last polls and notices what each person chose, and which
// apartments have confirmed.
func (l *roomLog) surveyQuestions(ctx context.Context, people []*person) error {
	polls, notices := l.room.polls, l.room.notices
	for _, t := range slices.Concat(polls[max(0, len(polls)-mostQuestions):], notices[max(0, len(notices)-mostQuestions):]) {
		d, there := l.details[t.id]
		if !there {
			continue
		}
		if t.options != nil {
			d.ballots = map[string]string{}
		}
		for i, p := range people {
			var got struct {
				Message *struct {
					Poll *struct {
						ViewerBallots []struct {
							Apartment *idJSON
							Options   []idJSON
						}
					}
					Notice *struct {
						ApartmentCount, AcknowledgedCount int
						ViewerOutstanding                 struct{ Nodes []idJSON }
					}
				}
			}
			if err := p.client.insist(ctx, questionDocument, variables{"id": t.id}, &got); err != nil {
				return err
			}
			if got.Message == nil {
				continue
			}
			if poll := got.Message.Poll; poll != nil {
				for _, b := range poll.ViewerBallots {
					voter := p.id
					if b.Apartment != nil {
						voter = b.Apartment.ID
					}
					d.ballots[voter] = sorted(strings.Join(idsOf(b.Options), " "))
				}
			}
			if notice := got.Message.Notice; notice != nil && i == 0 {
				d.notice = &noticeDetail{notice.ApartmentCount, notice.AcknowledgedCount, idsOf(notice.ViewerOutstanding.Nodes)}
			}
			if t.options == nil {
				break // the manager reads of all apartments
			}
		}
		l.details[t.id] = d
	}
	return nil
}
