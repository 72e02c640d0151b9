'use strict';

// The tabs of a first visit. Each is named after its operation; whatever the
// visitor makes of them is kept from then on, and these don't come back.
const examples = [
  {
    query: `# Welcome to Omarty Chat! Six tabs lead from
# nothing to a room in which people talk: Register,
# LogIn, Viewer, CreateBuilding, SendMessage,
# RoomEvents. Run one with the pink button or with
# Ctrl+Enter. The book at the top left is the
# documentation.

# 1. Open an account with the Variables below.
#    phone: +201012345678, or as dialled in Egypt
#    email and phone: nobody else's, otherwise
#           EMAIL_TAKEN or PHONE_TAKEN
#    name:  first and last name
mutation Register($input: RegisterInput!) {
  register(input: $input) {
    user {
      id
      name
    }
  }
}
`,
    variables: {
      input: {
        name: 'Mona Hassan',
        phone: '01012345678',
        email: 'mona@example.com',
        password: 'nine blue feluccas',
        confirmPassword: 'nine blue feluccas',
      },
    },
  },
  {
    query: `# 2. Sign in. The login is the e-mail address or
#    the phone number. The token of the answer says
#    who asks in the other tabs.
mutation LogIn($input: LogInInput!) {
  logIn(input: $input) {
    token
    session {
      id
      expiresAt
    }
    viewer {
      id
      email
      phone
      user {
        name
      }
    }
  }
}
`,
    variables: {
      input: {
        login: 'mona@example.com',
        password: 'nine blue feluccas',
        device: 'Playground',
      },
    },
  },
  {
    query: `# 3. Who am I, and which devices are signed in?
#    "Bearer " in the Headers below wants a token
#    behind it; where it has none, that of the last
#    LogIn is sent. Without the line you are
#    nobody, and the viewer is null.

# A reload forgets headers and tokens: the browser
# stores none. Then run LogIn again.
query Viewer {
  viewer {
    id
    user {
      name
    }
    email
    emailVerified
    phone
    phoneVerified
    locale
    sessions {
      id
      device
      createdAt
      lastUsedAt
      expiresAt
      current
    }
  }
}
`,
  },
  {
    query: `# 4. Make a building: you are its manager, and
#    two rooms come with it. The id of a room is
#    what the next tabs need.
mutation CreateBuilding(
  $input: CreateBuildingInput!
) {
  createBuilding(input: $input) {
    building {
      id
      name
      viewerRooms {
        nodes {
          id
          kind
          viewerName
        }
      }
    }
  }
}
`,
    variables: {
      input: {
        name: 'عمارة النيل',
        address: '12 Corniche el-Nil',
        apartments: [{ number: '1', floor: 0 }, { number: '2A', floor: 2 }],
      },
    },
  },
  {
    query: `# 5. Say something; the room is one of the answer
#    before. Run it twice: for its key, the message
#    is posted once.
mutation SendMessage($input: SendMessageInput!) {
  sendMessage(input: $input) {
    replayed
    message {
      id
      seq
      text
      author {
        name
      }
    }
  }
}
`,
    variables: {
      input: {
        room: 'room_…',
        key: 'my first message',
        text: 'مساء الخير يا جيران',
      },
    },
  },
  {
    query: `# 6. Listen to the room: what was, from "after" on,
#    then CaughtUp, then what happens. Send from
#    another window, as another person: going to
#    another tab here ends the subscription.
subscription RoomEvents($room: ID!, $after: Int) {
  roomEvents(room: $room, after: $after) {
    ... on RoomEvent {
      seq
      kind
      at
      member {
        name
      }
      message {
        text
        author {
          name
        }
      }
    }
    ... on CaughtUp {
      position
    }
  }
}
`,
    variables: {
      room: 'room_…',
      after: 0,
    },
  },
].map(({ query, variables }) => ({
  query,
  variables: variables ? JSON.stringify(variables, null, 2) : '',
}));
