//! The report's words, in both languages side by side.

use ::media::Grade;
use command::{
    Stage,
    incident::{Action, Progress, Step},
};

/// Which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    /// 中文.
    Chinese,
    /// English.
    English,
}

/// Words of a language.
#[derive(Debug)]
pub(super) struct Words(pub(super) Language);

macro_rules! words {
    ($($name:ident: $zh:literal, $en:literal;)*) => {
        impl Words {
            $(pub(super) fn $name(&self) -> &'static str { self.pick($zh, $en) })*
        }
    };
}

words! {
    report: "事件处置报告", "Incident report";
    number: "编号", "Number";
    grade: "等级", "Grade";
    kind: "类别", "Kind";
    state: "状态", "State";
    region: "区域", "Region";
    place: "位置", "Place";
    opened: "上报", "Opened";
    closed: "办结", "Closed";
    stages: "处置阶段", "Stages";
    at: "时间", "Time";
    after: "距上报", "After opening";
    tasks: "任务", "Tasks";
    task: "任务", "Task";
    owner: "责任人", "Owner";
    given: "下达", "Given";
    deadline: "时限", "Deadline";
    acknowledged: "签收用时", "To acknowledge";
    finished: "完成用时", "To finish";
    none: "无", "None";
    overdue: "已超时", "Overdue";
    urged: "催办", "Urged";
    supervised: "督办", "Supervised by";
    timeline: "处置过程", "Timeline";
    their_clock: "终端时钟", "Their clock";
    photo: "现场照片", "Photo";
    cameras: "关联摄像机", "Cameras";
    files: "照片与语音", "Photos and voices";
    by: "提交人", "By";
    exports: "证据导出", "Exports";
    range: "时段", "Range";
    made: "报告生成", "Made";
    clock: "系统", "Gateway";
}

impl Words {
    fn pick(&self, zh: &'static str, en: &'static str) -> &'static str {
        match self.0 {
            Language::Chinese => zh,
            Language::English => en,
        }
    }

    pub(super) fn tag(&self) -> &'static str {
        self.pick("zh-CN", "en")
    }

    pub(super) fn of_grade(&self, grade: Grade) -> &'static str {
        match grade {
            Grade::I => self.pick("Ⅰ级（红色）", "I (red)"),
            Grade::II => self.pick("Ⅱ级（橙色）", "II (orange)"),
            Grade::III => self.pick("Ⅲ级（黄色）", "III (yellow)"),
            Grade::IV => self.pick("Ⅳ级（蓝色）", "IV (blue)"),
        }
    }

    /// Kinds are words of the district's own; those that the page offers have names.
    pub(super) fn of_kind<'a>(&self, kind: &'a str) -> &'a str {
        match kind {
            "" | "general" => self.pick("一般", "General"),
            "flood" => self.pick("防汛", "Flood"),
            "fire" => self.pick("火情", "Fire"),
            "traffic" => self.pick("交通", "Traffic"),
            "security" => self.pick("治安", "Security"),
            "equipment" => self.pick("设备", "Equipment"),
            other => other,
        }
    }

    pub(super) fn of_stage(&self, stage: Stage) -> &'static str {
        match stage {
            Stage::Reported => self.pick("已上报", "Reported"),
            Stage::Verified => self.pick("已核实", "Verified"),
            Stage::Graded => self.pick("已定级", "Graded"),
            Stage::Planned => self.pick("已启动预案", "Plan started"),
            Stage::Handling => self.pick("处置中", "Being handled"),
            Stage::Closed => self.pick("已办结", "Closed"),
            Stage::Filed => self.pick("已归档", "Reviewed and filed"),
        }
    }

    pub(super) fn of_progress(&self, progress: Progress) -> &'static str {
        match progress {
            Progress::Assigned => self.pick("待签收", "To be acknowledged"),
            Progress::Acknowledged => self.pick("已签收", "Acknowledged"),
            Progress::Underway => self.pick("处理中", "In progress"),
            Progress::FedBack => self.pick("已反馈", "Fed back"),
            Progress::Review => self.pick("待审核", "Awaiting review"),
            Progress::Done => self.pick("已完成", "Done"),
            Progress::SentBack => self.pick("已退回", "Sent back"),
            Progress::Withdrawn => self.pick("已撤回", "Withdrawn"),
        }
    }

    pub(super) fn of_step(&self, step: Step) -> &'static str {
        match step {
            Step::Acknowledge => self.pick("签收任务", "Acknowledged task"),
            Step::Begin => self.pick("开始处理任务", "Began task"),
            Step::FeedBack => self.pick("反馈任务", "Fed back on task"),
            Step::Submit => self.pick("提交审核任务", "Submitted task"),
            Step::Approve => self.pick("审核通过任务", "Approved task"),
            Step::SendBack => self.pick("退回任务", "Sent back task"),
            Step::Reassign => self.pick("转派任务", "Reassigned task"),
            Step::Withdraw => self.pick("撤回任务", "Withdrew task"),
            Step::Urge => self.pick("催办任务", "Urged task"),
            Step::Supervise => self.pick("督办任务", "Supervises task"),
        }
    }

    pub(super) fn of_action(&self, action: Action) -> &'static str {
        match action {
            Action::Opened => self.pick("上报", "Opened"),
            Action::Note => self.pick("记录", "Note"),
            Action::Transition => self.pick("状态变更", "Moved"),
            Action::Graded => self.pick("定级", "Graded"),
            Action::Plan => self.pick("启动预案", "Plan started"),
            Action::Task => self.pick("下达任务", "Task given"),
            Action::Step => self.pick("任务", "Task"),
            Action::Overdue => self.pick("任务超时", "Task overdue"),
            Action::Report => self.pick("续报", "Report"),
            Action::Cameras => self.pick("关联摄像机", "Cameras linked"),
            Action::Seen => self.pick("已知悉", "Has been told"),
            Action::Drawn => self.pick("地图标绘", "Drawn on the map"),
            Action::Erased => self.pick("擦除标绘", "Erased from the map"),
            Action::Guest => self.pick("访客", "Guest"),
        }
    }
}
