'use strict';

// The tabs of a first visit. Each is named after its operation; whatever the
// visitor makes of them is kept from then on, and these don't come back.
const examples = [
  {
    query: `# Welcome to Omarty Chat! Three tabs lead from
# nothing to a signed-in person: Register, LogIn,
# Viewer. Run one with the pink button or with
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
#    the phone number. Copy the token out of the
#    answer: the next tab needs it.
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
#    Put the token behind "Bearer " in the Headers
#    below. Without it the viewer is null.

# Each tab has headers of its own, and a reload
# forgets them: the browser stores no token.
# A subscription sends it when its socket opens.
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
].map(({ query, variables }) => ({
  query,
  variables: variables ? JSON.stringify(variables, null, 2) : '',
}));
