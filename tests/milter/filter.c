/* A filter on libmilter: filter SOCKET all|quiet|edit|refuse.
   all: gets every event and lets it pass; quiet: the same, and answers only at the end of the message; edit: one change of each kind;
   refuse: a client that greets as bad.example, DATA of a sender that begins with data@, and a message with a header X-Bad. */
#include <libmilter/mfapi.h>
#include <stdio.h>
#include <string.h>

static int edits, quiet, refuses;

static sfsistat on_connect(SMFICTX* context, char* host, _SOCK_ADDR* address) { return SMFIS_CONTINUE; }
static sfsistat on_text(SMFICTX* context, char* text) { return refuses && strcmp(text, "bad.example") == 0 ? SMFIS_REJECT : SMFIS_CONTINUE; }
static sfsistat on_path(SMFICTX* context, char** words) { return SMFIS_CONTINUE; }
static sfsistat on_data(SMFICTX* context) {
  const char* sender = smfi_getsymval(context, "{mail_addr}");
  return refuses && sender && strncmp(sender, "data@", 5) == 0 ? SMFIS_REJECT : SMFIS_CONTINUE;
}
static sfsistat on_header(SMFICTX* context, char* name, char* value) { return refuses && strcmp(name, "X-Bad") == 0 ? SMFIS_REJECT : SMFIS_CONTINUE; }
static sfsistat on_body(SMFICTX* context, unsigned char* octets, size_t size) { return SMFIS_CONTINUE; }
static sfsistat on_mark(SMFICTX* context) { return SMFIS_CONTINUE; }

static sfsistat on_end(SMFICTX* context) {
  static unsigned char body[] = "a new body\r\n";
  if (!edits) return SMFIS_CONTINUE;
  const char* id = smfi_getsymval(context, "i");
  if (smfi_progress(context) || smfi_addheader(context, "X-Queue-Id", id ? (char*)id : "none") || smfi_insheader(context, 0, "X-First", "top") ||
      smfi_chgheader(context, "Subject", 1, "changed by C") || smfi_addrcpt_par(context, "<more@dest.example>", "NOTIFY=NEVER") ||
      smfi_delrcpt(context, "<gone@dest.example>") || smfi_chgfrom(context, "<bounces@a.example>", NULL) ||
      smfi_replacebody(context, body, sizeof body - 1))
    return SMFIS_TEMPFAIL;
  return SMFIS_ACCEPT;
}

static sfsistat negotiate(SMFICTX* context, unsigned long actions, unsigned long steps, unsigned long reserved2, unsigned long reserved3,
                          unsigned long* my_actions, unsigned long* my_steps, unsigned long* my2, unsigned long* my3) {
  const unsigned long replies = SMFIP_NR_CONN | SMFIP_NR_HELO | SMFIP_NR_MAIL | SMFIP_NR_RCPT | SMFIP_NR_DATA | SMFIP_NR_HDR | SMFIP_NR_EOH |
                                SMFIP_NR_BODY | SMFIP_NR_UNKN;
  *my_actions = edits ? actions : 0;
  *my_steps = quiet ? steps & replies : 0;
  *my2 = *my3 = 0;
  return SMFIS_CONTINUE;
}

int main(int count, char** words) {
  struct smfiDesc filter;
  if (count != 3) {
    fprintf(stderr, "usage: %s SOCKET all|quiet|edit|refuse\n", words[0]);
    return 64;
  }
  edits = strcmp(words[2], "edit") == 0;
  quiet = strcmp(words[2], "quiet") == 0;
  refuses = strcmp(words[2], "refuse") == 0;
  memset(&filter, 0, sizeof filter);
  filter.xxfi_name = "filter";
  filter.xxfi_version = SMFI_VERSION;
  filter.xxfi_flags = SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_CHGBODY | SMFIF_ADDRCPT | SMFIF_ADDRCPT_PAR | SMFIF_DELRCPT | SMFIF_CHGFROM;
  filter.xxfi_connect = on_connect;
  filter.xxfi_helo = on_text;
  filter.xxfi_envfrom = on_path;
  filter.xxfi_envrcpt = on_path;
  filter.xxfi_data = on_data;
  filter.xxfi_header = on_header;
  filter.xxfi_eoh = on_mark;
  filter.xxfi_body = on_body;
  filter.xxfi_eom = on_end;
  filter.xxfi_negotiate = negotiate;
  if (smfi_setconn(words[1]) != MI_SUCCESS || smfi_register(filter) != MI_SUCCESS) return 69;
  return smfi_main();
}
