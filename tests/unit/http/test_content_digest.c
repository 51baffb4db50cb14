#include "gateway/base/encode.h"
#include "gateway/http/content_digest.h"

#include "tests/support/suite.h"

#include <string.h>

static struct content_digest *digest;

static void holds(const char *wanted)
{
    uint8_t sha256[CONTENT_DIGEST_SIZE];
    char hex[HEX_SIZE(CONTENT_DIGEST_SIZE)];

    content_digest_end(digest, sha256);
    hex_encode(sha256, sizeof(sha256), hex);
    ck_assert_str_eq(hex, wanted);
}

/* FIPS 180-2, B.1 and B.2; whole and in pieces, one after the other. */
START_TEST(known_answers)
{
    static const char two[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";

    ck_assert_int_eq(content_digest_new(&digest), ERR_OK);
    holds("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    ck_assert_int_eq(content_digest_add(digest, "abc", 3), ERR_OK);
    holds("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    for (size_t i = 0; i < strlen(two); i++)
        ck_assert_int_eq(content_digest_add(digest, two + i, 1), ERR_OK);
    holds("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    content_digest_free(digest);
    content_digest_free(NULL);
}
END_TEST

int main(void)
{
    return SUITE_RUN("http/content_digest", known_answers);
}
