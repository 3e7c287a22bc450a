// SPDX-License-Identifier: MIT
// Where size counts: the one copy of each function of the cursors that is not inlined everywhere.
#include "wire/packets.h"

#ifdef __OPTIMIZE_SIZE__

extern inline int mqw__vbi_peek(mqw_bytes in, uint32_t *value);
extern inline mqw__reader mqw__reader_at(mqw__check *check, const uint8_t *at);
extern inline void mqw__reader_break(mqw__reader *r, unsigned rule, const uint8_t *mark, uint8_t field);
extern inline bool mqw__reader_need(mqw__reader *r, size_t n, const uint8_t *mark, uint8_t field);
extern inline uint16_t mqw__load_u16(const uint8_t *at);
extern inline uint32_t mqw__load_u32(const uint8_t *at);
extern inline uint8_t mqw__read_u8(mqw__reader *r, uint8_t field);
extern inline uint16_t mqw__read_u16(mqw__reader *r, uint8_t field);
extern inline uint32_t mqw__read_u32(mqw__reader *r, uint8_t field);
extern inline uint32_t mqw__read_vbi(mqw__reader *r, uint8_t field);
extern inline void mqw__read_blob(mqw__reader *r, mqw_bytes *out, uint8_t field);
extern inline void mqw__read_raw_text(mqw__reader *r, mqw_text *out, uint8_t field);
extern inline void mqw__reader_judge(mqw__reader *r, mqw_text text, unsigned flaws, uint8_t field);
extern inline void mqw__read_text(mqw__reader *r, mqw_text *out, uint8_t field);
extern inline mqw_bytes mqw__read_rest(mqw__reader *r);
extern inline uint16_t mqw__read_packet_id(mqw__reader *r);
extern inline void mqw__reader_end(mqw__reader *r);
extern inline mqw__writer mqw__writer_at(mqw__check *check, size_t at);
extern inline unsigned mqw__vbi_size(size_t value);
extern inline unsigned mqw__vbi_store(uint8_t *at, uint32_t value);
extern inline uint8_t *mqw__writer_take(mqw__writer *w, size_t n);
extern inline void mqw__write_u8(mqw__writer *w, uint8_t value);
extern inline void mqw__write_u16(mqw__writer *w, uint16_t value);
extern inline void mqw__write_u32(mqw__writer *w, uint32_t value);
extern inline void mqw__write_vbi(mqw__writer *w, uint32_t value);
extern inline void mqw__copy(uint8_t *to, const uint8_t *from, size_t len);
extern inline void mqw__write_bytes(mqw__writer *w, const void *data, size_t len);
extern inline void mqw__write_blob(mqw__writer *w, const void *data, size_t len, uint8_t field);
extern inline void mqw__write_text(mqw__writer *w, mqw_text text, uint8_t field);
extern inline void mqw__write_packet_id(mqw__writer *w, uint16_t id);
extern inline void mqw__writer_unshift(mqw__writer *w, size_t from, size_t by);
extern inline void mqw__writer_shift(mqw__writer *w, size_t from, size_t by);
extern inline uint8_t mqw__type(const mqw__check *check);
extern inline unsigned mqw__place(const mqw__check *check);
extern inline bool mqw__read_dup(const mqw__reader *r);
extern inline bool mqw__wrong_reason(const mqw__check *check, uint8_t reason);
extern inline uint8_t mqw__read_reason(mqw__reader *r);
extern inline void mqw__write_reason(mqw__writer *w, uint8_t reason);
extern inline void mqw__write_header(mqw__writer *w, unsigned guess, size_t tail);
extern inline void mqw__read_properties(mqw__reader *r, unsigned place, mqw_props *out);
extern inline void mqw__write_properties(mqw__writer *w, unsigned place, const mqw_props *props);
extern inline void mqw__reader_judge_payload(mqw__reader *r, const mqw_props *props, mqw_bytes payload,
                                             uint8_t field);

#endif
